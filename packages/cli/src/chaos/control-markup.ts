/** The page of the chaos proxy; `control-page.ts` brings it to life. */
export const controlBody = `
<main>
<h1>holdfast chaos</h1>
<p class="muted"><code id="url"></code> leads to <code id="target"></code>. Connect your client to the first.</p>
<section>
<h2>Faults that last</h2>
<form id="faults"></form>
<p id="complaint" role="alert"></p>
<button id="clear" type="button">Take all away</button>
</section>
<section>
<h2>Faults that strike once, on all open connections</h2>
<div class="strikes">
<button type="button" data-strike="cut">Close (FIN)</button>
<button type="button" data-strike="reset">Break (RST)</button>
<button type="button" data-strike="cutMidFrame">Cut in the middle of the next frame</button>
</div>
</section>
<section>
<h2>Open connections: <span id="open">0</span></h2>
<table id="connections"></table>
</section>
<section>
<h2>Ended</h2>
<table id="ended"></table>
</section>
</main>`;

export const controlStyle = `
#faults { display: grid; grid-template-columns: max-content max-content 1fr; gap: .5rem 1rem; align-items: center; margin-bottom: .75rem; }
#faults .on { font-weight: 600; color: var(--warn); }
#faults input[type=number] { width: 12rem; } #faults input[type=checkbox] { justify-self: start; }
#complaint { color: var(--bad); } #complaint:not(:empty) { margin-bottom: .75rem; }
.strikes { display: flex; flex-wrap: wrap; gap: .5rem; }
td button { padding: .1rem .5rem; margin-right: .4rem; }
@media (max-width: 40rem) { #faults { grid-template-columns: 1fr; } }
`;
