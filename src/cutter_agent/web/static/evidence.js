"use strict";
// The citation of this page, changed by the reader: checked again by the same checks, drawn red where it fails.
// Uses citation.js, which is loaded before and has the checks.

// What bundle.js shows its checks with, too.
const VERDICTS = {
  held: "Checked here: everything holds",
  failed: "CHANGED OR FORGED: this does not hold",
};

function rowsInto(list, found) {
  list.replaceChildren(
    ...found.map((row) => {
      const line = document.createElement("li");
      line.className = row.held ? "held" : "failed";
      line.textContent = drawn(`${row.held ? "\u2713" : "\u2717"} ${row.id}: ${row.because}`);
      return line;
    }),
  );
  return found.every((row) => row.held);
}

function say(element, held) {
  element.hidden = false;
  element.textContent = held ? VERDICTS.held : VERDICTS.failed;
  element.parentElement.classList.toggle("held", held);
  element.parentElement.classList.toggle("failed", !held);
}

{
  for (const part of document.querySelectorAll("[data-scripted]")) part.hidden = false;

  const data = document.getElementById("citation");
  const tried = document.getElementById("tried");
  if (data !== null && tried !== null) {
    const citation = JSON.parse(data.textContent);
    // A text area has line feeds alone; unchanged, it stands for the text as it is.
    const plain = citation.text.replace(/\r\n?/g, "\n");
    let turn = 0;
    const again = async () => {
      const mine = ++turn;
      const text = tried.value === plain ? citation.text : tried.value;
      const found = await check({ ...citation, text });
      if (mine !== turn) return;
      const held = rowsInto(document.getElementById("checks"), found);
      show("text", text);
      show("verdict", held ? VERDICTS.held : VERDICTS.failed);
      document.documentElement.className = held ? "held" : "failed";
    };
    tried.value = citation.text;
    tried.addEventListener("input", again);
    document.getElementById("again").addEventListener("click", () => {
      tried.value = citation.text;
      again();
    });
  }

  const pasted = document.getElementById("citation-text");
  if (pasted !== null) {
    pasted.addEventListener("input", async () => {
      let found;
      try {
        found = await check(JSON.parse(pasted.value));
      } catch (error) {
        found = [{ id: "citation", held: false, because: error.message }];
      }
      const held = rowsInto(document.getElementById("citation-checks"), found);
      say(document.getElementById("citation-verdict"), held);
    });
  }
}
