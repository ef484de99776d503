"use strict";
// The one form of each thing that a bundle holds: archive, JSON, header, key, signature, note. What would be
// written differently again is refused. Uses citation.js. Formats: APPNOTE.TXT (stored ZIP), RFC 8785, RFC 8032,
// PROTOCOL.sshsig, PROTOCOL.u2f, c2sp.org/signed-note.

const forms = (() => {
  // Names are compared, so a mark at the front is a letter like any other.
  const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const text = (bytes) => DECODER.decode(bytes);
  const sameBytes = (one, two) => one.length === two.length && one.every((byte, at) => byte === two[at]);

  function equal(what, found, expected) {
    need(found === expected, `the ${what} is ${String(found).slice(0, 80)}, not ${String(expected).slice(0, 80)}`);
  }

  function ascii(bytes) {
    const found = text(bytes);
    need(/^[\x00-\x7f]*$/.test(found), "a file that should be ASCII is not");
    return found;
  }

  // ---- canonical JSON ------------------------------------------------------------------------------------------
  const DEPTH_MAX = 64;

  function canonical(value, depth = 0) {
    need(depth <= DEPTH_MAX, "JSON that is nested too deep");
    if (value === null || typeof value === "boolean") return String(value);
    if (typeof value === "number") {
      need(Number.isSafeInteger(value), "a number that is no integer of the profile");
      return String(value);
    }
    if (typeof value === "string") {
      need(!/\p{Surrogate}/u.test(value), "a text with half a character");
      return JSON.stringify(value);
    }
    if (Array.isArray(value)) return `[${value.map((each) => canonical(each, depth + 1)).join(",")}]`;
    const members = Object.keys(value).sort().map((key) => {
      need(/^[\x00-\x7f]*$/.test(key), "a JSON key that is not ASCII");
      return `${JSON.stringify(key)}:${canonical(value[key], depth + 1)}`;
    });
    return `{${members.join(",")}}`;
  }

  function parseCanonical(bytes) {
    const written = text(bytes);
    const value = JSON.parse(written);
    need(canonical(value) === written, "JSON that is not in its one form");
    return value;
  }

  // The value has exactly these members: "text", "count", "flag", "text?" (or null), [each], or members again.
  function shaped(value, shape, where) {
    const wrong = `${where} does not have the form that it should have`;
    if (Array.isArray(shape)) {
      need(Array.isArray(value), wrong);
      for (const each of value) shaped(each, shape[0], where);
    } else if (typeof shape === "object") {
      need(value !== null && typeof value === "object" && !Array.isArray(value), wrong);
      need(Object.keys(value).sort().join() === Object.keys(shape).sort().join(), wrong);
      for (const name of Object.keys(shape)) shaped(value[name], shape[name], `${where}.${name}`);
    } else if (shape === "text?" && value === null) {
      return value;
    } else {
      need(typeof value === { "text": "string", "text?": "string", count: "number", flag: "boolean" }[shape], wrong);
    }
    return value;
  }

  // ---- archive -------------------------------------------------------------------------------------------------
  const FILE_NAME = /^[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*(\/[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)*$/;
  const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    return crc;
  });

  function crc32(bytes) {
    let crc = 0xffffffff;
    for (let at = 0; at < bytes.length; at += 1) crc = (crc >>> 8) ^ CRCS[(crc ^ bytes[at]) & 0xff];
    return (crc ^ 0xffffffff) >>> 0;
  }

  // Little-endian numbers, each with its width in bytes.
  function packed(...pairs) {
    const bytes = [];
    for (const [number, width] of pairs) {
      for (let at = 0; at < width; at += 1) bytes.push(Math.floor(number / 256 ** at) % 256);
    }
    return Uint8Array.from(bytes);
  }

  // The one archive of these files: sorted, stored, of one fixed time.
  function pack(files) {
    const [bodies, directory] = [[], []];
    let at = 0;
    for (const name of [...files.keys()].sort()) {
      const [data, called] = [files.get(name), utf8(name)];
      const common = [[0, 2], [0, 2], [33, 2], [crc32(data), 4], [data.length, 4], [data.length, 4], [called.length, 2], [0, 2]];
      const local = joined(packed([0x04034b50, 4], [20, 2], [0, 2], ...common), called, data);
      const rest = packed([0, 2], [0, 2], [0, 2], [0o100644 * 65536, 4], [at, 4]);
      directory.push(packed([0x02014b50, 4], [788, 2], [20, 2], [0, 2], ...common), rest, called);
      bodies.push(local);
      at += local.length;
    }
    const listed = joined(...directory);
    const count = files.size;
    const end = packed([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [listed.length, 4], [at, 4], [0, 2]);
    return joined(...bodies, listed, end);
  }

  // The files of an archive whose every byte is accounted for.
  function unpack(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const files = new Map();
    let at = 0;
    while (at + 30 <= bytes.length && view.getUint32(at, true) === 0x04034b50) {
      need(view.getUint16(at + 8, true) === 0, "the archive is compressed");
      const size = view.getUint32(at + 18, true);
      const start = at + 30 + view.getUint16(at + 26, true);
      need(start + size <= bytes.length, "the archive ends too early");
      const name = text(bytes.subarray(at + 30, start));
      need(FILE_NAME.test(name) && name.length <= 200, "a file name that does not go into an archive");
      need(!files.has(name), `the archive holds ${name} twice`);
      files.set(name, bytes.subarray(start, start + size));
      at = start + size;
    }
    need(files.size > 0, "this is no archive");
    need(sameBytes(pack(files), bytes), "the archive has other bytes than its files give");
    return files;
  }

  // ---- times ---------------------------------------------------------------------------------------------------
  // A UTC time in a form in which times are compared as texts; null if it is none.
  function moment(written) {
    const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)$/.exec(written ?? "");
    if (found === null || found[1] < "0001") return null;
    const whole = new Date(`${found[1]}Z`);
    if (Number.isNaN(whole.getTime()) || whole.toISOString().slice(0, 19) !== found[1]) return null;
    return `${found[1]}.${(found[2] ?? "").padEnd(6, "0")}`;
  }

  // The moment in whole seconds, so that a window never grows.
  function wholeSecond(written, up) {
    const [second, rest] = moment(written).split(".");
    const more = up && rest !== "000000" ? 1000 : 0;
    return new Date(Date.parse(`${second}Z`) + more).toISOString().slice(0, 19);
  }

  // ---- keys and signatures -------------------------------------------------------------------------------------
  const PRIME = 2n ** 255n - 19n;
  const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
  const ORDER_8_Y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
  const LOW_ORDER = [0n, 1n, ORDER_8_Y, PRIME - ORDER_8_Y, PRIME - 1n, PRIME, PRIME + 1n];
  const little = (bytes) => BigInt(`0x${toHex(bytes.slice().reverse())}`);

  function checkKey(raw) {
    need(raw.length === 32, "not an Ed25519 key of 32 bytes");
    const y = little(raw) % 2n ** 255n;
    need(!LOW_ORDER.includes(y) && y < PRIME, "an Ed25519 key that is weak or not in its one form");
  }

  async function fits(raw, signature, message) {
    checkKey(raw);
    if (signature.length !== 64 || little(signature.subarray(32)) >= ORDER) return false;
    const key = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
    return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
  }

  const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
  const SPKI_BYTES = fromHex(SPKI);
  const keyId = async (raw) => toHex(await sha256(SPKI_BYTES, raw));

  function pemKey(bytes) {
    const written = ascii(bytes);
    const raw = fromBase64(written.split("\n")[1] ?? "").subarray(12);
    const body = toBase64(joined(SPKI_BYTES, raw));
    need(`-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----\n` === written, "not the text of one Ed25519 key");
    checkKey(raw);
    return raw;
  }

  // Reads numbers and byte strings with their length in front, and knows whether anything is left.
  function wire(bytes) {
    let at = 0;
    const take = (count) => {
      need(at + count <= bytes.length, "a field is cut off");
      at += count;
      return bytes.subarray(at - count, at);
    };
    const number = () => take(4).reduce((sum, byte) => sum * 256 + byte, 0);
    return { take, number, string: () => take(number()), end: () => need(at === bytes.length, "bytes after the last field") };
  }

  function wireString(bytes) {
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, bytes.length);
    return joined(size, bytes);
  }

  const HARDWARE = "sk-ssh-ed25519@openssh.com";

  function sshKey(blob) {
    const fields = wire(blob);
    const algorithm = ascii(fields.string());
    need(["ssh-ed25519", HARDWARE].includes(algorithm), "a key of a kind that is not enrolled");
    const raw = fields.string();
    checkKey(raw);
    const application = algorithm === HARDWARE ? fields.string() : new Uint8Array();
    if (algorithm === HARDWARE) {
      need(ascii(application).startsWith("ssh:") && application.length <= 256, "a hardware key of another use");
    }
    fields.end();
    return { algorithm, raw, application, blob, line: `${algorithm} ${toBase64(blob)}` };
  }

  // The key of one OpenSSH line: type, base64, perhaps a comment.
  function keyOfLine(written) {
    const line = written.endsWith("\n") ? written.slice(0, -1) : written;
    need(line.length <= 4096 && !/\p{C}/u.test(line), "a public key is one printable line");
    const key = sshKey(fromBase64(line.split(" ")[1] ?? ""));
    need(line === key.line || line.startsWith(`${key.line} `), "a public key that is not in its one form");
    return key;
  }

  function sshSignature(armour) {
    const [begin, end] = ["-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n"];
    const written = ascii(armour);
    need(written.length <= 8192 && written.startsWith(begin) && written.endsWith(end), "not exactly one SSH signature");
    const body = written.slice(begin.length, -end.length).replaceAll("\n", "");
    need(`${begin}${(body.match(/.{1,70}/g) ?? []).join("\n")}\n${end}` === written, "a signature not in its one form");
    const fields = wire(fromBase64(body));
    need(ascii(fields.take(6)) === "SSHSIG" && fields.number() === 1, "not a signature of ssh-keygen");
    const key = sshKey(fields.string());
    const namespace = ascii(fields.string());
    need(fields.string().length === 0, "a signature whose reserved field is filled");
    const hash = ascii(fields.string());
    need(["sha256", "sha512"].includes(hash), "a signature over another kind of digest");
    const inner = wire(fields.string());
    fields.end();
    need(ascii(inner.string()) === key.algorithm, "a signature of another algorithm than its key's");
    const raw = inner.string();
    const attested = key.algorithm === HARDWARE ? inner.take(5) : new Uint8Array();
    inner.end();
    return { key, namespace, hash, raw, attested };
  }

  const hashed = async (hash, bytes) =>
    new Uint8Array(await crypto.subtle.digest(hash === "sha256" ? "SHA-256" : "SHA-512", bytes));

  // The signature that its own key made over this message for this purpose; whose key it is, is another question.
  async function verified(armour, message, namespace) {
    const signature = sshSignature(armour);
    const { key, hash, raw, attested } = signature;
    need(signature.namespace === namespace, `signed for another purpose than ${namespace}`);
    const parts = [utf8(namespace), new Uint8Array(), utf8(hash), await hashed(hash, message)];
    let signed = joined(utf8("SSHSIG"), ...parts.map(wireString));
    if (key.algorithm === HARDWARE) signed = joined(await sha256(key.application), attested, await sha256(signed));
    need(await fits(key.raw, raw, signed), "a signature does not fit what it lies beside");
    const flags = attested[0] ?? 0;
    return { key, hardware: key.algorithm === HARDWARE, present: (flags & 1) !== 0, knew: (flags & 4) !== 0 };
  }

  // ---- trees and notes -----------------------------------------------------------------------------------------
  const treeRoot = async (leaves) => {
    if (leaves.length === 0) return sha256();
    let level = leaves;
    while (level.length > 1) {
      const above = [];
      for (let at = 0; at + 1 < level.length; at += 2) above.push(sha256([1], level[at], level[at + 1]));
      if (level.length % 2) above.push(level[level.length - 1]);
      level = await Promise.all(above);
    }
    return level[0];
  };

  // Whether the tree of the old root only grew into that of the root (RFC 9162, 2.1.4.2).
  async function grew(oldSize, size, oldRoot, root, proof) {
    if (!(oldSize > 0 && oldSize <= size)) return false;
    if (oldSize === size) return proof.length === 0 && sameBytes(oldRoot, root);
    const half = (number) => Math.floor(number / 2);
    const path = Number.isInteger(Math.log2(oldSize)) ? [oldRoot, ...proof] : [...proof];
    if (path.length === 0) return false;
    let [node, last] = [oldSize - 1, size - 1];
    while (node % 2) [node, last] = [half(node), half(last)];
    let [older, newer] = [path[0], path[0]];
    for (const sibling of path.slice(1)) {
      if (last === 0) return false;
      if (node % 2 || node === last) {
        older = await sha256([1], sibling, older);
        newer = await sha256([1], sibling, newer);
        while (node !== 0 && node % 2 === 0) [node, last] = [half(node), half(last)];
      } else {
        newer = await sha256([1], newer, sibling);
      }
      [node, last] = [half(node), half(last)];
    }
    return last === 0 && sameBytes(older, oldRoot) && sameBytes(newer, root);
  }

  function counted(written) {
    need(/^(0|[1-9]\d*)$/.test(written) && Number.isSafeInteger(Number(written)), "not a number in its one form");
    return Number(written);
  }

  function hashOf(written) {
    const bytes = fromBase64(written);
    need(bytes.length === 32, "a hash of a tree has 32 bytes");
    return bytes;
  }

  const PLAIN_NAME = /^[!-*,-~]{1,255}$/;
  const keyHash = async (name, raw) => (await sha256(utf8(`${name}\n\x01`), raw)).subarray(0, 4);

  async function logKey(bytes) {
    const line = ascii(bytes);
    const found = /^([!-*,-~]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n$/.exec(line);
    need(found !== null, "the log's key is not one line of its form");
    const raw = fromBase64(found[3]);
    need(raw[0] === 1, "the log's key is of another kind");
    checkKey(raw.subarray(1));
    const hash = await keyHash(found[1], raw.subarray(1));
    need(toHex(hash) === found[2], "the log's key has another hash");
    return { name: found[1], raw: raw.subarray(1), hash, line: line.slice(0, -1) };
  }

  // The head in a note that this log's key has signed.
  async function head(note, key) {
    const parts = text(note).split("\n\n");
    need(parts.length === 2 && parts[1].endsWith("\n"), "a signed head has a text, a blank line and signatures");
    const lines = parts[0].split("\n");
    need(lines.length === 3 && PLAIN_NAME.test(lines[0]), "a head of a log has three lines");
    const rows = parts[1].slice(0, -1).split("\n").map((row) => /^\u2014 ([!-*,-~]{1,255}) (\S+)$/.exec(row));
    need(rows.length <= 64 && rows.every((row) => row !== null), "a signature line of a head has another form");
    equal("log of the signed head", lines[0], key.name);
    const mine = rows.map(([, name, written]) => [name, fromBase64(written)])
      .filter(([name, bytes]) => name === key.name && sameBytes(bytes.subarray(0, 4), key.hash));
    need(mine.length > 0, "a head of the log is not signed by the log's key");
    for (const [, bytes] of mine) {
      need(await fits(key.raw, bytes.subarray(4), utf8(`${parts[0]}\n`)), "the log's signature does not fit its head");
    }
    const [size, root] = [counted(lines[1]), hashOf(lines[2])];
    return { size, root, named: `${size}:${toHex(root)}` };
  }

  // What stands before a note: lines, then a blank one.
  function beforeNote(bytes) {
    const written = text(bytes);
    const at = written.indexOf("\n\n");
    need(at >= 0, "a proof has no blank line before its note");
    return [written.slice(0, at).split("\n"), utf8(written.slice(at + 2))];
  }

  return {
    text, ascii, equal, sameBytes, canonical, parseCanonical, shaped, unpack, moment, wholeSecond, fits, keyId, pemKey,
    keyOfLine, verified, treeRoot, grew, counted, hashOf, logKey, head, beforeNote, toBase64,
  };
})();
