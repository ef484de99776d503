"use strict";
// The checks of a bundle, by the names that `cutter evidence verify` has for them: every file is accounted for, the
// statements are signed, the units have the signed root, the policy was signed as the one before it asks, the
// persons whom it names approved these requests, and the log tells of all of it. Uses citation.js, bundle_forms.js,
// bundle_policy.js and bundle_readme.js.

const bundles = (() => {
  const { ascii, canonical, equal, moment, parseCanonical, sameBytes, shaped, text, verified } = forms;
  const { APPROVE, REJECT, GATES, trust } = policies;
  const PARTIES = ["executor", "verifier"];
  const EXECUTED = {
    run_id: "text", document_id: "text", source_version_id: "text", source_sha256: "text", plan_sha256: "text",
    manifest_root: "text", tree_size: "count", change_set_id: "text", facts_sha256: "text", policy_sha256: "text",
    database: "text", approvals: [{ gate: "text", request_sha256: "text", persons: ["text"] }],
    affected_rows: [{ table: "text", rows: "count" }],
  };
  const VERIFIED = {
    run_id: "text", document_id: "text", executor_envelope_sha256: "text", root_from_database: "text",
    root_from_source: "text", tree_size: "count", checks: [{ name: "text", held: "flag" }], verdict: "text",
  };
  const INDEX = {
    schema: "text", run_id: "text", document_id: "text", simulated: "flag",
    requests: [{ name: "text", persons: ["text"], refused: "flag" }],
    log_entries: ["text"], log_growth: ["text"], policy_signers: ["text"],
  };
  const CHAIN = { policy_accepted_utc: "text", earlier_policies: [{ persons: ["text"], accepted_utc: "text" }] };
  const digest = async (bytes) => toHex(await sha256(bytes));

  // ---- reading: what is in the archive, and that nothing else is -----------------------------------------------
  async function read(bytes) {
    const files = forms.unpack(bytes);
    const expected = new Set(["README.md", "MANIFEST.sha256"]);
    const take = (name) => {
      need(files.has(name), `the bundle has no file ${name}`);
      expected.add(name);
      return files.get(name);
    };
    const index = parseCanonical(take("bundle.json"));
    const chained = "policy_accepted_utc" in index;
    shaped(index, chained ? { ...INDEX, ...CHAIN } : INDEX, "bundle.json");
    need(!chained || index.policy_accepted_utc !== "", "a chain of policies that begins at no time");
    equal("schema of the bundle", index.schema, "cutter.evidence-bundle/1");
    const signatures = (stem, persons, end = ".sig") =>
      persons.map((person) => ({ person, armour: take(`${stem}.${person}${end}`) }));
    const policies = (index.earlier_policies ?? []).map((each, at) => {
      const name = `trust/policy-${at + 1}.json`;
      return { body: take(name), signatures: signatures(name, each.persons), accepted: each.accepted_utc };
    });
    const records = take("units.jsonl");
    const contents = {
      ...index, files, chained, policies, units: linesOf(records), plan: take("plan"), policy: take("trust/policy.json"),
      signers: ascii(take("trust/allowed_signers")), claims: {}, keys: {}, log: null,
      policySignatures: signatures("trust/policy.json", index.policy_signers),
      requests: index.requests.map(({ name, persons, refused }) => ({
        name, refused, body: take(`requests/${name}`),
        signatures: signatures(`requests/${name}`, persons, refused ? ".reject.sig" : ".sig"),
      })),
      entries: index.log_entries.map((name) => ({ record: take(`log/${name}.record`), proof: take(`log/${name}.tlog-proof`) })),
      growth: index.log_growth.map((name) => ({ older: take(`log/${name}.checkpoint`), proof: take(`log/${name}.growth`) })),
    };
    if (files.has("keys/log.vkey")) contents.log = await forms.logKey(take("keys/log.vkey"));
    for (const party of PARTIES) contents[party] = opened(take, party);
    await accounted(files, expected, index.simulated);
    return contents;
  }

  function linesOf(bytes) {
    const lines = [];
    let from = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
      lines.push(bytes.subarray(from, at));
      from = at + 1;
    }
    need(from === bytes.length, "the unit records do not end with a line end");
    return lines;
  }

  // A party's envelope and key; what was taken out of the envelope for other tools is what is in it.
  function opened(take, party) {
    const file = take(`statements/${party}.dsse.json`);
    const envelope = parseCanonical(file);
    shaped(envelope, { payload: "text", payloadType: "text", signatures: [{ keyid: "text", sig: "text" }] }, `${party}.dsse.json`);
    need(envelope.signatures.length > 0, "an envelope that nobody signed");
    const payload = fromBase64(envelope.payload);
    const signed = joined(utf8(`DSSEv1 ${utf8(envelope.payloadType).length} ${envelope.payloadType} ${payload.length} `), payload);
    const found = [[".json", payload], [".pae", signed], [".sig", fromBase64(envelope.signatures[0].sig)]];
    for (const [end, body] of found) {
      need(sameBytes(take(`statements/${party}${end}`), body), `statements/${party}${end} is not what is in the envelope`);
    }
    return { file, payload, signed, kind: envelope.payloadType, by: envelope.signatures, key: forms.pemKey(take(`keys/${party}.pem`)) };
  }

  // The list of digests is that of these files, and every file is one that a bundle has.
  async function accounted(files, expected, simulated) {
    const lines = [];
    for (const name of [...files.keys()].sort()) {
      if (name !== "MANIFEST.sha256") lines.push(`${await digest(files.get(name))}  ${name}\n`);
      need(expected.has(name) || name.startsWith("documents/"), `${name} was added`);
    }
    need(files.has("README.md") && text(files.get("README.md")) === readmeOf(files, simulated), "README.md says something else");
    const listed = files.get("MANIFEST.sha256");
    need(listed !== undefined && text(listed) === lines.join(""), "a file was changed, added or lost since the list was made");
  }

  function headerOf(request) {
    const body = text(request.body);
    const end = body.indexOf("\n---\n");
    const lines = body.slice(0, end).replace(/\n$/, "").split("\n");
    need(end >= 0 && lines.length <= 100, "a request has no header above its rule");
    const header = new Map();
    for (const line of lines) {
      const at = line.indexOf(": ");
      need(at >= 0 && !header.has(line.slice(0, at)), "a request's header has a line of another form");
      header.set(line.slice(0, at), line.slice(at + 2));
    }
    return header;
  }

  // ---- statements ----------------------------------------------------------------------------------------------
  async function claim(contents, party) {
    const { payload, signed, kind, by, key } = contents[party];
    equal("type of the envelope", kind, PAYLOAD_TYPE);
    need(by.length === 1 && by[0].keyid === (await forms.keyId(key)), `the ${party}'s envelope is signed by an unlisted key`);
    need(await forms.fits(key, fromBase64(by[0].sig), signed), `the ${party}'s signature does not fit`);
    const said = parseCanonical(payload).predicate;
    shaped(said, party === "executor" ? EXECUTED : VERIFIED, `the ${party}'s statement`);
    const root = party === "executor" ? said.manifest_root : said.root_from_source;
    const subject = [{ name: `manifest:${said.document_id}`, digest: { "rfc9162-sha256": root }, annotations: { leaves: said.tree_size } }];
    if (party === "verifier") {
      subject.unshift({ name: `executor-envelope:${said.run_id}`, digest: { sha256: said.executor_envelope_sha256 } });
      const agree = said.root_from_database === said.root_from_source && said.checks.length > 0;
      equal("verdict", said.verdict, agree && said.checks.every((each) => each.held) ? "pass" : "fail");
    }
    const whole = {
      _type: "https://in-toto.io/Statement/v1", subject, predicate: said,
      predicateType: contents.simulated ? KINDS[party].replace("/live/", "/simulated/") : KINDS[party],
    };
    need(canonical(whole) === text(payload), "a statement of another kind, or one that contradicts itself");
    equal("run of the statement", said.run_id, contents.run_id);
    equal("document of the statement", said.document_id, contents.document_id);
    return said;
  }

  async function executorSigned(contents) {
    await claim(contents, "executor");
    return `signed with the key ${await forms.keyId(contents.executor.key)}`;
  }

  async function verifierSigned(contents) {
    await claim(contents, "verifier");
    need(!sameBytes(contents.executor.key, contents.verifier.key), "executor and verifier have one key");
    return `signed with the key ${await forms.keyId(contents.verifier.key)}`;
  }

  async function verifierPassed(contents) {
    const [wrote, found] = [await claim(contents, "executor"), await claim(contents, "verifier")];
    equal("envelope that was verified", found.executor_envelope_sha256, await digest(contents.executor.file));
    equal("root that was verified", found.root_from_source, wrote.manifest_root);
    equal("tree size that was verified", found.tree_size, wrote.tree_size);
    equal("verifier's verdict", found.verdict, "pass");
    return `the verifier found the same root from the source bytes; ${found.checks.length} checks`;
  }

  const rootOfUnits = async ({ units }) =>
    toHex(await forms.treeRoot(await Promise.all(units.map((record) => sha256([0], record)))));

  async function unitsAreTheManifests(contents) {
    const wrote = await claim(contents, "executor");
    equal("number of unit records", contents.units.length, wrote.tree_size);
    equal("root of the unit records", await rootOfUnits(contents), wrote.manifest_root);
    return `${wrote.tree_size} unit records have the signed root ${wrote.manifest_root}`;
  }

  async function planIsTheSignedOne(contents) {
    equal("digest of the plan", await digest(contents.plan), (await claim(contents, "executor")).plan_sha256);
    return "the plan has the digest that was signed";
  }

  async function policyIsTheSignedOne(contents) {
    equal("digest of the trust policy", await digest(contents.policy), (await claim(contents, "executor")).policy_sha256);
    return "the trust policy has the digest that was signed";
  }

  // ---- requests and approvals ----------------------------------------------------------------------------------
  async function requestsAreThisRuns(contents) {
    const wrote = await claim(contents, "executor");
    for (const request of contents.requests) {
      const header = headerOf(request);
      for (const name of ["run_id", "document_id", "plan_sha256", "manifest_root", "tree_size", "policy_sha256"]) {
        // A run that failed early was decided on before it had a plan; what it names must be true.
        if (header.has("decision") && header.get(name) === "none") continue;
        equal(`${name} of ${request.name}`, header.get(name), String(wrote[name]));
      }
    }
    return `${contents.requests.length} requests name this run, its plan, its root and its policy`;
  }

  // The persons whose signatures fit the request and whose keys were good when it was issued.
  async function signersOf(contents, request) {
    const stated = headerOf(request).get("issued_utc") ?? "";
    const issued = stated.endsWith("Z") ? moment(stated) : null;
    need(issued !== null, `${request.name} does not say in UTC when it was issued`);
    const { persons } = trust(contents.policy);
    const found = [];
    for (const { person, armour } of request.signatures) {
      const { key, knew } = await verified(armour, request.body, request.refused ? REJECT : APPROVE);
      const theirs = persons.find((each) => each.name === person)?.keys ?? [];
      const good = theirs.some((each) => {
        const until = each.revoked_utc ?? each.valid_until;
        const begun = each.valid_from === null || `${forms.wholeSecond(each.valid_from, true)}.000000` <= issued;
        const over = until !== null && `${forms.wholeSecond(until, false)}.000000` <= issued;
        return forms.keyOfLine(each.public_key).line === key.line && begun && !over;
      });
      need(good, `${request.name} is signed for ${person} with a key that was not theirs when it was issued`);
      found.push({ person, knew });
    }
    return found;
  }

  async function signaturesVerify(contents) {
    let count = 0;
    for (const request of contents.requests) count += (await signersOf(contents, request)).length;
    return `${count} signatures of persons fit their requests`;
  }

  async function approvalsAreThere(contents) {
    if (contents.simulated) return "a simulated run needs nobody's signature";
    const { approvals } = await claim(contents, "executor");
    need(approvals.length > 0, "a live run without an approval");
    for (const { gate, request_sha256: wanted, persons } of approvals) {
      const digests = await Promise.all(contents.requests.map((each) => digest(each.body)));
      const request = contents.requests.find((each, at) => !each.refused && digests[at] === wanted);
      need(request !== undefined, `no request with the approved digest of ${gate}`);
      equal("gate of the approval", headerOf(request).get("gate"), gate);
      const signed = new Set((await signersOf(contents, request)).map((each) => each.person));
      need(persons.length > 0 && persons.every((each) => signed.has(each)), `no signature of everybody who approved at ${gate}`);
    }
    return `${approvals.length} approvals are signed by the persons that the run names`;
  }

  // The persons who said yes to the request, once they may and suffice.
  async function decided(contents, policy, request, gate) {
    const rule = policy.gates.find((each) => each.gate === gate);
    need(rule !== undefined, `the trust policy has no rule for ${gate}`);
    const signers = await signersOf(contents, request);
    const persons = new Set(signers.map((each) => each.person));
    need(!persons.has(headerOf(request).get("starter") ?? ""), `who started the run signed at ${gate}`);
    need([...persons].every((each) => rule.persons.includes(each)), `somebody who may not approve signed at ${gate}`);
    need(persons.size >= rule.threshold, `${persons.size} persons of ${rule.threshold} approved at ${gate}`);
    need(!rule.require_user_verification || signers.every((each) => each.knew), `signed at ${gate} without a token that knew its owner`);
    return persons;
  }

  async function policyWasFollowed(contents) {
    if (contents.simulated) return "a simulated run is approved by nobody";
    const policy = trust(contents.policy);
    const at = (gate) => contents.requests.filter((each) => headerOf(each).get("gate") === gate);
    const found = [];
    for (const gate of GATES.slice(0, 2)) {
      const mine = at(gate);
      need(mine.length === 1 && !mine[0].refused, `${mine.length} requests of ${gate}, not one that was approved`);
      found.push(await decided(contents, policy, mine[0], gate));
    }
    const twice = [...found[0]].filter((each) => found[1].has(each));
    need(twice.length === 0 || policy.sg1_approver_may_approve_sg2, `${twice.join(", ")} signed at both gates`);
    for (const request of at(GATES[2])) {
      if (!request.refused) await decided(contents, policy, request, GATES[2]);
    }
    return `persons that the policy asks for: ${found.map((each) => [...each].join(", ")).join("; ")}`;
  }

  // ---- the log -------------------------------------------------------------------------------------------------
  function withKey(contents) {
    need(contents.log !== null, "entries of a log without the log's key");
    return contents.log;
  }

  async function logHoldsTheEntries(contents) {
    for (const { record, proof } of contents.entries) {
      const [lines, note] = forms.beforeNote(proof);
      const head = await forms.head(note, withKey(contents));
      equal("form of a proof", lines.shift(), "c2sp.org/tlog-proof@v1");
      if (lines[0]?.startsWith("extra ")) fromBase64(lines.shift().slice(6));
      need(lines[0]?.startsWith("index ") && lines.length <= 65, "a proof of the log has no index, or too many hashes");
      const index = forms.counted(lines.shift().slice(6));
      const root = await rootOf(await sha256([0], record), index, head.size, lines.map(forms.hashOf));
      equal("head of the log", `${head.size}:${root}`, head.named);
    }
    return `${contents.entries.length} entries stand under signed heads of the log`;
  }

  async function logOnlyGrew(contents) {
    for (const { older, proof } of contents.growth) {
      const old = await forms.head(older, withKey(contents));
      const [lines, note] = forms.beforeNote(proof);
      const newer = await forms.head(note, contents.log);
      equal("size that the proof begins at", lines.shift(), `old ${old.size}`);
      need(lines.length <= 64, "a proof of growth with too many hashes");
      const hashes = lines.map(forms.hashOf);
      const held = old.size === 0 ? hashes.length === 0 : await forms.grew(old.size, newer.size, fromNamed(old), fromNamed(newer), hashes);
      need(held, `the log of size ${newer.size} does not extend the one of size ${old.size}`);
    }
    return `${contents.growth.length} older heads of the log were only added to`;
  }

  const fromNamed = (head) => fromHex(head.named.split(":")[1]);

  async function logTellsOfIt(contents) {
    if (contents.simulated) return "a simulated run leaves nothing in a log";
    const entries = contents.entries.map((each) => parseCanonical(each.record));
    const { run_id, document_id } = contents;
    const wanted = [
      { kind: "enactment", run_id, document_id, root_sha256: await rootOfUnits(contents), tree_size: contents.units.length },
      { kind: "trust_policy", sha256: await digest(contents.policy) },
    ];
    for (const [at, { body }] of contents.policies.entries()) {
      wanted.push({ kind: "trust_policy", sha256: await digest(body), version: at + 1 });
    }
    const shown = new Set();
    for (const request of contents.requests) {
      const request_sha256 = await digest(request.body);
      shown.add(request_sha256);
      const answer = request.refused ? { kind: "refusal" } : { kind: "approval_use", decision: headerOf(request).get("decision") ?? "approve" };
      wanted.push({ run_id, request_sha256, ...answer });
    }
    for (const each of wanted) {
      const told = entries.some((entry) => Object.entries(each).every(([name, value]) => entry?.[name] === value));
      need(told, `the log's entries tell of no such ${each.kind}`);
    }
    const hidden = entries.some((each) => each.run_id === run_id && "request_sha256" in each && !shown.has(each.request_sha256));
    need(!hidden, "the log tells of an answer that is not here");
    const heads = new Set();
    for (const { older } of contents.growth) heads.add((await forms.head(older, withKey(contents))).named);
    for (const request of contents.requests) {
      need(heads.has(headerOf(request).get("log_checkpoint")), `no signed head of the log is the one of ${request.name}`);
    }
    return `${wanted.length} entries of the log tell of this run, its approvals and its policy`;
  }

  // ---- what is known from elsewhere ----------------------------------------------------------------------------
  async function keysAreTheKnownOnes(contents, known) {
    equal("run of the bundle", contents.run_id, known.run_id);
    const found = {
      executor: await forms.keyId(contents.executor.key), verifier: await forms.keyId(contents.verifier.key),
      policy: await digest(contents.policy), log: contents.log?.line ?? "none",
    };
    for (const name of Object.keys(found)) {
      if (known[name]) equal(`${name}'s key or digest`, found[name], known[name]);
    }
    return "the run, the keys and the trust policy are those that this server's database has for it";
  }

  const CHECKS = [
    ["executor_signed", executorSigned], ["verifier_signed", verifierSigned], ["verifier_passed", verifierPassed],
    ["units_are_the_manifests", unitsAreTheManifests], ["plan_is_the_signed_one", planIsTheSignedOne],
    ["policy_is_the_signed_one", policyIsTheSignedOne], ["policy_was_signed", policies.policyWasSigned],
    ["requests_are_this_runs", requestsAreThisRuns], ["signatures_verify", signaturesVerify],
    ["approvals_are_there", approvalsAreThere], ["log_holds_the_entries", logHoldsTheEntries],
    ["log_only_grew", logOnlyGrew], ["signers_are_the_policys", policies.signersAreThePolicys],
    ["policy_chain_is_signed", policies.policyChainIsSigned], ["policy_was_followed", policyWasFollowed],
    ["log_tells_of_it", logTellsOfIt],
  ];

  async function result(id, one) {
    try {
      return { id, held: true, because: await one() };
    } catch (error) {
      return { id, held: false, because: error.message };
    }
  }

  // Every check of the bundle with its result; with what is known from elsewhere, that too.
  async function check(bytes, known = null) {
    let contents = null;
    const whole = await result("bundle_whole", async () => {
      contents = await read(bytes);
      return `each of ${contents.files.size} files is as it was written`;
    });
    const found = [whole];
    if (contents === null) return found;
    for (const [id, one] of CHECKS) found.push(await result(id, () => one(contents)));
    if (known !== null) found.push(await result("keys_are_the_known_ones", () => keysAreTheKnownOnes(contents, known)));
    if (contents.simulated) found[0].because += "; SIMULATED: a dry run proves nothing about a database";
    return found;
  }

  return { check };
})();
