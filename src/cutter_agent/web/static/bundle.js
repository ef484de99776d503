"use strict";
// Checks a bundle in the browser: every file's digest, the Merkle root, the statements and the approvals.
// Uses citation.js for hashes and statements, evidence.js for showing. Formats: APPNOTE.TXT (stored ZIP), RFC 9162, DSSE,
// PROTOCOL.sshsig. The log's proofs and the rules of the policy are `cutter evidence verify`'s.
{
  const ascii = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

  // The files of an archive that is stored and not compressed, by name.
  function unzip(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const files = new Map();
    let at = 0;
    while (at + 30 <= bytes.length && view.getUint32(at, true) === 0x04034b50) {
      need(view.getUint16(at + 8, true) === 0, "the archive is compressed");
      const size = view.getUint32(at + 18, true);
      const name = view.getUint16(at + 26, true);
      const start = at + 30 + name + view.getUint16(at + 28, true);
      need(start + size <= bytes.length, "the archive ends too early");
      const called = ascii(bytes.subarray(at + 30, at + 30 + name));
      need(!files.has(called), `the archive holds ${called} twice`);
      files.set(called, bytes.subarray(start, start + size));
      at = start + size;
    }
    need(files.size > 0, "this is no archive");
    return files;
  }

  function take(files, name) {
    need(files.has(name), `${name} is not in the bundle`);
    return files.get(name);
  }

  async function checkWhole(files) {
    const listed = new Map();
    for (const line of ascii(take(files, "MANIFEST.sha256")).split("\n").slice(0, -1)) {
      listed.set(line.slice(66), line.slice(0, 64));
    }
    for (const [name, body] of files) {
      if (name === "MANIFEST.sha256") continue;
      need(listed.has(name), `${name} was added`);
      need(toHex(await sha256(body)) === listed.get(name), `${name} was changed`);
    }
    need(listed.size === files.size - 1, "a file was lost");
    return `each of ${listed.size} files has the digest that it had`;
  }

  async function treeRoot(leaves) {
    let level = leaves;
    while (level.length > 1) {
      const above = [];
      for (let at = 0; at + 1 < level.length; at += 2) {
        above.push(await sha256([1], level[at], level[at + 1]));
      }
      if (level.length % 2) above.push(level[level.length - 1]);
      level = above;
    }
    return toHex(level[0]);
  }

  function publicKey(files, party) {
    const der = fromBase64(ascii(take(files, `keys/${party}.pem`)).replace(/-----[^-]+-----|\n/g, ""));
    need(toHex(der.subarray(0, 12)) === SPKI, "not an Ed25519 key");
    return toHex(der.subarray(12));
  }

  function said(files, party) {
    const envelope = ascii(take(files, `statements/${party}.dsse.json`));
    return statement({ [party]: { envelope, public_key: publicKey(files, party) } }, party);
  }

  async function checkUnits(files) {
    const lines = ascii(take(files, "units.jsonl")).split("\n").slice(0, -1);
    const leaves = [];
    for (const line of lines) leaves.push(await sha256([0], utf8(line)));
    const root = await treeRoot(leaves);
    const [wrote, found] = [await said(files, "executor"), await said(files, "verifier")];
    need(root === wrote.manifest_root, "the executor signed another root");
    need(root === found.root_from_source, "the verifier found another root in the source");
    need(root === found.root_from_database, "the verifier found another root in the database");
    need(lines.length === wrote.tree_size, "the executor signed another number of records");
    return `${lines.length} records give the root ${root}`;
  }

  async function checkExecutor(files) {
    const wrote = await said(files, "executor");
    const [plan, policy] = [take(files, "plan"), take(files, "trust/policy.json")];
    need(toHex(await sha256(plan)) === wrote.plan_sha256, "the plan is another one");
    need(toHex(await sha256(policy)) === wrote.policy_sha256, "the trust policy is another one");
    return `signed with the key ${wrote.keyId}`;
  }

  async function checkVerifier(files) {
    const found = await said(files, "verifier");
    const envelope = toHex(await sha256(take(files, "statements/executor.dsse.json")));
    need(found.executor_envelope_sha256 === envelope, "another executor's envelope was verified");
    need(publicKey(files, "verifier") !== publicKey(files, "executor"), "both signed with one key");
    need(found.verdict === "pass", "the verdict is not pass");
    return `signed with the key ${found.keyId}`;
  }

  // The parts of a byte string in which each is preceded by its length.
  function fields(bytes, at, count) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const found = [];
    for (let place = at; found.length < count; ) {
      const size = view.getUint32(place);
      need(place + 4 + size <= bytes.length, "the signature ends too early");
      found.push(bytes.subarray(place + 4, place + 4 + size));
      place += 4 + size;
    }
    return found;
  }

  const withLength = (bytes) => {
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, bytes.length);
    return joined(size, bytes);
  };

  async function fits(armour, message, namespace) {
    const packed = fromBase64(armour.replace(/-----[^-]+-----|\s/g, ""));
    need(ascii(packed.subarray(0, 6)) === "SSHSIG", "not a signature of ssh-keygen");
    const [key, space, , hash, signature] = fields(packed, 10, 5);
    const [kind, raw] = fields(key, 0, 2);
    need(ascii(space) === namespace, "signed for another purpose");
    if (ascii(kind) !== "ssh-ed25519") return { key, checked: false };
    const algorithm = ascii(hash) === "sha256" ? "SHA-256" : "SHA-512";
    const digest = new Uint8Array(await crypto.subtle.digest(algorithm, message));
    const head = [utf8("SSHSIG"), ...[space, new Uint8Array(), hash, digest].map(withLength)];
    const imported = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
    const [, bytes] = fields(signature, 0, 2);
    need(
      await crypto.subtle.verify({ name: "Ed25519" }, imported, bytes, joined(...head)),
      "the signature does not fit",
    );
    return { key, checked: true };
  }

  async function checkApprovals(files) {
    const allowed = ascii(take(files, "trust/allowed_signers"));
    const persons = [];
    for (const [name, armour] of files) {
      const match = /^requests\/(.+\.md)\.([^./]+)\.sig$/.exec(name);
      if (match === null) continue;
      const [, request, person] = match;
      const message = take(files, `requests/${request}`);
      const { key, checked } = await fits(ascii(armour), message, "approval@iu-cutter.v1");
      const text = btoa(String.fromCharCode(...key));
      const known = allowed.split("\n").some((line) => line.startsWith(`${person} `) && line.includes(` ${text}`));
      need(known, `the key of ${person} is not in the trust policy`);
      persons.push(checked ? person : `${person} (hardware key: not checked here)`);
    }
    need(persons.length >= 2, "two gates were approved by fewer than two signatures");
    return `signed by ${persons.join(", ")} over the exact bytes of the requests`;
  }

  const BUNDLE_CHECKS = [
    ["files", checkWhole],
    ["records", checkUnits],
    ["executor", checkExecutor],
    ["verifier", checkVerifier],
    ["approvals", checkApprovals],
  ];

  async function checkBundle(bytes) {
    let files;
    try {
      files = unzip(bytes);
    } catch (error) {
      return [{ id: "bundle", held: false, because: error.message }];
    }
    const found = [];
    for (const [id, one] of BUNDLE_CHECKS) {
      try {
        found.push({ id, held: true, because: await one(files) });
      } catch (error) {
        found.push({ id, held: false, because: error.message });
      }
    }
    return found;
  }

  async function showBundle(bytes) {
    const held = rowsInto(document.getElementById("bundle-checks"), await checkBundle(bytes));
    say(document.getElementById("bundle-verdict"), held);
  }

  const button = document.getElementById("check-bundle");
  const file = document.getElementById("bundle-file");
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
