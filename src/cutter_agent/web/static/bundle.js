"use strict";
// The bundle that this page offers, or one from the reader's disk, checked here and shown row by row.
// Uses bundle_checks.js for the checks, evidence.js for showing.
{
  const button = document.getElementById("check-bundle");
  const file = document.getElementById("bundle-file");

  async function showBundle(bytes) {
    const found = await bundles.check(bytes, JSON.parse(button.dataset.known));
    const held = rowsInto(document.getElementById("bundle-checks"), found);
    say(document.getElementById("bundle-verdict"), held);
  }

  if (button !== null) {
    button.addEventListener("click", async () => {
      const answer = await fetch(button.dataset.bundle);
      await showBundle(new Uint8Array(await answer.arrayBuffer()));
    });
    file.addEventListener("change", async () => {
      if (file.files.length) await showBundle(new Uint8Array(await file.files[0].arrayBuffer()));
    });
  }
}
