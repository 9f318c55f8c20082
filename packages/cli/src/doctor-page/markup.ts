/** The page that tests a WebSocket from a browser; `page/view.ts` brings it to life. */
export const doctorBody = `
<main>
<h1>Does a WebSocket hold in this browser?</h1>
<p class="muted">Opens a few connections from here, and finds out what ends them. Nothing is sent anywhere else.</p>
<section>
<form id="form">
<label for="address">Address</label>
<input id="address" placeholder="wss://example.com/socket" required autocomplete="off" spellcheck="false">
<label for="idle">Longest silence</label>
<select id="idle"><option value="4">4 s</option><option value="20">20 s</option><option value="75" selected>75 s, past the 60 s of most proxies</option><option value="130">130 s, past the 100 s of large edges</option></select>
<details>
<summary>More</summary>
<div>
<label for="send">A text that the server answers</label>
<input id="send" autocomplete="off" placeholder="none: then nothing is sent">
<label for="subprotocols">Subprotocols</label>
<input id="subprotocols" autocomplete="off" placeholder="holdfast.v1 for a server of Holdfast" spellcheck="false">
<label for="token">Token, for a server of Holdfast</label>
<input id="token" type="password" autocomplete="off">
</div>
</details>
<p id="complaint" role="alert"></p>
<button id="start" class="main">Test</button>
<p id="progress" class="muted"></p>
</form>
<table id="steps" aria-live="polite"></table>
</section>
<section id="result" hidden>
<h2 id="verdict"></h2>
<pre id="text"></pre>
<button id="copy" type="button">Copy</button>
</section>
</main>`;

export const doctorStyle = `
form, details > div { display: grid; grid-template-columns: max-content 1fr; gap: .6rem 1rem; align-items: center; }
details, #complaint, #progress { grid-column: 1 / -1; } details > div { margin-top: .6rem; }
summary { cursor: pointer; color: var(--muted); }
#start { justify-self: start; } #start, #progress { grid-column: auto; } #progress { align-self: center; }
#complaint { color: var(--bad); } #complaint:empty { display: none; }
#steps:not(:empty) { margin-top: 1rem; }
#steps td:first-child { width: 2rem; font-weight: 600; } #steps td:nth-child(2) { width: 9rem; }
.ok td:first-child, .good { color: var(--good); } .problem td:first-child, .bad { color: var(--bad); }
.skipped td:first-child { color: var(--muted); } .warn { color: var(--warn); }
#verdict { font-size: 1.25rem; } #copy { margin-top: .75rem; }
@media (max-width: 40rem) { form, details > div { grid-template-columns: 1fr; } }
`;
