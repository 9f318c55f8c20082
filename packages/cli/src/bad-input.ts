/** Input that the doctor cannot work with; its message is the sentence that the user reads. */
export class BadInput extends Error {
  override readonly name = 'BadInput';
}
