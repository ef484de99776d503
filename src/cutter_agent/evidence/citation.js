"use strict";
// Checks the citation that this page carries: text, record, place in the tree, root, both signatures.
// Nothing is asked from anywhere. Formats: RFC 9162 (tree), DSSE 1.0.2 (signatures), RFC 8032 (Ed25519).

const SPKI = "302a300506032b6570032100";
const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const KINDS = {
  executor: "https://iu-cutter.example/executed/live/v1",
  verifier: "https://iu-cutter.example/verified/live/v1",
};
const utf8 = (text) => new TextEncoder().encode(text);

function need(held, sentence) {
  if (held !== true) throw new Error(sentence);
}

function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text) {
  need(typeof text === "string" && /^([0-9a-f]{2})+$/.test(text), "not hexadecimal");
  return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
}

function fromBase64(text) {
  const raw = atob(text);
  need(btoa(raw) === text, "base64 in another than its one form");
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
}

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

// The root that the leaf and its siblings lead to (RFC 9162, 2.1.3.2).
async function rootOf(leaf, index, size, siblings) {
  need(Number.isSafeInteger(index) && Number.isSafeInteger(size), "place and size are numbers");
  need(0 <= index && index < size, "the place is outside of the tree");
  const half = (number) => Math.floor(number / 2);
  let [node, last, result] = [index, size - 1, leaf];
  for (const sibling of siblings) {
    need(last > 0 && sibling.length === 32, "the proof is too long");
    if (node % 2 === 1 || node === last) {
      result = await sha256([1], sibling, result);
      while (node !== 0 && node % 2 === 0) [node, last] = [half(node), half(last)];
    } else {
      result = await sha256([1], result, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  need(last === 0, "the proof is too short");
  return toHex(result);
}

// What a party says in its envelope, once the signature under its key fits.
async function statement(citation, party) {
  const { envelope, public_key: key } = citation[party];
  const raw = fromHex(key);
  need(raw.length === 32, "not an Ed25519 key");
  const keyId = toHex(await sha256(fromHex(SPKI), raw));
  const opened = JSON.parse(envelope);
  const [signature] = opened.signatures;
  const again = JSON.stringify({
    payload: opened.payload,
    payloadType: PAYLOAD_TYPE,
    signatures: [{ keyid: keyId, sig: signature.sig }],
  });
  need(again === envelope, "the envelope is not one of this key and type");
  const payload = fromBase64(opened.payload);
  const head = utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `);
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    throw new Error("this browser cannot check Ed25519 signatures; use a newer one");
  }
  const signed = fromBase64(signature.sig);
  const fits = await crypto.subtle.verify({ name: "Ed25519" }, imported, signed, joined(head, payload));
  need(fits, "the signature does not fit");
  const said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  need(said.predicateType === KINDS[party], "a statement of another kind");
  return { ...said.predicate, keyId };
}

async function checkText(citation) {
  const record = JSON.parse(citation.record);
  need(record.schema === "cutter.unit/1", "a record of another kind");
  need(record.address === citation.address, "the record is another unit's");
  need(citation.address.startsWith(`${citation.document_id}/`), "a unit of another document");
  const digest = toHex(await sha256(utf8(citation.text)));
  need(digest === record.body_sha256, "the text is not the one of the record");
  return `the text is, letter for letter, the one of the record of ${citation.address}`;
}

async function checkPlace(citation) {
  const { index, tree_size: size, hashes } = citation.proof;
  const leaf = await sha256([0], utf8(citation.record));
  const root = await rootOf(leaf, index, size, hashes.map(fromHex));
  need(root === citation.root, "the record does not lead to the root");
  return `the record is number ${index + 1} of ${size} under the root ${root}`;
}

async function checkExecutor(citation) {
  const said = await statement(citation, "executor");
  need(said.manifest_root === citation.root, "another root was signed");
  need(said.tree_size === citation.proof.tree_size, "another size was signed");
  need(said.run_id === citation.run_id, "another run was signed");
  need(said.document_id === citation.document_id, "another document was signed");
  need(said.source_version_id === citation.source_version_id, "another source was signed");
  return `the executor signed this root with the key ${said.keyId}`;
}

async function checkVerifier(citation) {
  const said = await statement(citation, "verifier");
  const envelope = toHex(await sha256(utf8(citation.executor.envelope)));
  need(said.executor_envelope_sha256 === envelope, "another executor's envelope was verified");
  need(said.root_from_source === citation.root, "another root was found in the source");
  need(said.root_from_database === citation.root, "another root was found in the database");
  need(said.tree_size === citation.proof.tree_size, "another size was found");
  need(said.run_id === citation.run_id, "another run was verified");
  need(said.document_id === citation.document_id, "another document was verified");
  need(said.verdict === "pass" && said.checks.length > 0, "the verdict is not pass");
  need(said.checks.every((check) => check.held === true), "a check did not hold");
  need(citation.verifier.public_key !== citation.executor.public_key, "both signed with one key");
  return `the verifier found this root in the source, and signed with the key ${said.keyId}`;
}

const CHECKS = [
  ["text", checkText],
  ["place", checkPlace],
  ["executor", checkExecutor],
  ["verifier", checkVerifier],
];

async function check(citation) {
  const rows = [];
  for (const [id, one] of CHECKS) {
    try {
      rows.push({ id, held: true, because: await one(citation) });
    } catch (error) {
      rows.push({ id, held: false, because: error.message });
    }
  }
  return rows;
}

// Hidden characters are drawn, so that nothing in a text can act or hide.
function drawn(text) {
  return String(text).replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (char) => {
    const number = char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `\u27e6U+${number}\u27e7`;
  });
}

function show(id, text) {
  document.getElementById(id).textContent = drawn(text);
}

async function main() {
  let rows;
  try {
    const citation = JSON.parse(document.getElementById("citation").textContent);
    const { from_date: from, until_date: until } = citation.in_force;
    show("address", citation.address);
    show("text", citation.text);
    show("run", citation.run_id);
    show("source", citation.source_version_id);
    show("said", `in force from ${from}${until === null ? "" : ` until ${until}`}`);
    rows = await check(citation);
  } catch (error) {
    rows = [{ id: "citation", held: false, because: error.message }];
  }
  const held = rows.every((row) => row.held);
  for (const row of rows) {
    const line = document.createElement("li");
    line.className = row.held ? "held" : "failed";
    line.textContent = drawn(`${row.held ? "\u2713" : "\u2717"} ${row.id}: ${row.because}`);
    document.getElementById("checks").append(line);
  }
  document.documentElement.className = held ? "held" : "failed";
  show("verdict", held ? "Checked here: everything holds" : "CHANGED OR FORGED: this does not hold");
}

// A page that only borrows the checks carries no citation of its own.
if (document.getElementById("citation") !== null) main();
