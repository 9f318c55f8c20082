/** The slot of a cluster that a key or channel belongs to: CRC-16/XMODEM of its hash tag, as the cluster specification has it. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const shut = key.indexOf('}', open + 1);
  const tag = open >= 0 && shut > open + 1 ? key.slice(open + 1, shut) : key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return (crc & 0xffff) % SLOTS;
}

export const SLOTS = 16_384;
