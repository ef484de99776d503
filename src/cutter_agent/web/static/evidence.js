"use strict";
// The citation of this page, changed by the reader: checked again by the same checks, drawn red where it fails.
// Uses citation.js, which is loaded before and has the checks.
{
  for (const part of document.querySelectorAll("[data-scripted]")) part.hidden = false;

  const verdicts = {
    held: "Checked here: everything holds",
    failed: "CHANGED OR FORGED: this does not hold",
  };

  const rowsInto = (list, found) => {
    list.replaceChildren(
      ...found.map((row) => {
        const line = document.createElement("li");
        line.className = row.held ? "held" : "failed";
        line.textContent = drawn(`${row.held ? "✓" : "✗"} ${row.id}: ${row.because}`);
        return line;
      }),
    );
    return found.every((row) => row.held);
  };

  const say = (element, held) => {
    element.hidden = false;
    element.textContent = held ? verdicts.held : verdicts.failed;
    element.parentElement.classList.toggle("held", held);
    element.parentElement.classList.toggle("failed", !held);
  };

  const data = document.getElementById("citation");
  const tried = document.getElementById("tried");
  if (data !== null && tried !== null) {
    const citation = JSON.parse(data.textContent);
    let turn = 0;
    const again = async () => {
      const mine = ++turn;
      const found = await check({ ...citation, text: tried.value });
      if (mine !== turn) return;
      const held = rowsInto(document.getElementById("checks"), found);
      show("text", tried.value);
      show("verdict", held ? verdicts.held : verdicts.failed);
      document.documentElement.className = held ? "held" : "failed";
    };
    // A text area would change line ends, so it shows them and the check puts them back.
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
