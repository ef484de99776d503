"use strict";
// The trust policy of a bundle: sound as a whole, signed as the policy before it asks, and the source of the allowed
// signers. Uses citation.js, bundle_forms.js. The rules are docs/concepts/evidence.md's.

const policies = (() => {
  const { equal, moment, parseCanonical, shaped, verified } = forms;
  const [APPROVE, REJECT, POLICY] = ["approval@iu-cutter.v1", "reject@iu-cutter.v1", "policy@iu-cutter.v1"];
  const GATES = ["SG_1_cut_authz", "SG_2_lifecycle_authz", "SG_3_failure_escalation"];
  const TRUST = {
    schema: "text", version: "count", deployment: "text", sg1_approver_may_approve_sg2: "flag",
    persons: [{ name: "text", keys: [{ public_key: "text", valid_from: "text?", valid_until: "text?", revoked_utc: "text?" }] }],
    gates: [{ gate: "text", threshold: "count", persons: ["text"], require_user_verification: "flag" }],
  };

  function trust(bytes) {
    const policy = shaped(parseCanonical(bytes), TRUST, "the trust policy");
    equal("schema of the trust policy", policy.schema, "cutter.trust-policy/1");
    const [names, owners] = [new Set(), new Map()];
    for (const { name, keys } of policy.persons) {
      need(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) && !names.has(name), "a person of the trust policy has no name of their own");
      names.add(name);
      for (const each of keys) {
        const { line } = forms.keyOfLine(each.public_key);
        need((owners.get(line) ?? name) === name, "two persons of the trust policy share a key");
        owners.set(line, name);
        for (const time of [each.valid_from, each.valid_until, each.revoked_utc]) {
          need(time === null || moment(time) !== null, "a time of the trust policy is not in UTC");
        }
      }
    }
    need(policy.version >= 1, "the trust policy counts its versions from 1");
    for (const { gate, persons, threshold } of policy.gates) {
      const once = policy.gates.filter((each) => each.gate === gate).length === 1;
      need(GATES.includes(gate) && once && persons.every((each) => names.has(each)), "a gate of the trust policy is not sound");
      need(threshold >= 1 && threshold <= new Set(persons).size, "a gate of the trust policy asks for more persons than it names");
    }
    return policy;
  }

  // The person whose key this is, if it counted then.
  function owner(policy, { key, hardware, present }, then) {
    if (hardware && !present) return null;
    for (const { name, keys } of policy.persons) {
      const found = keys.find((each) => forms.keyOfLine(each.public_key).line === key.line);
      if (found === undefined) continue;
      const begun = found.valid_from === null || moment(found.valid_from) <= then;
      const over = found.valid_until !== null && moment(found.valid_until) < then;
      const revoked = found.revoked_utc !== null && moment(found.revoked_utc) <= then;
      return begun && !over && !revoked ? name : null;
    }
    return null;
  }

  async function policyWasSigned(contents) {
    const { persons } = trust(contents.policy);
    let enrolled = 0;
    for (const { person, armour } of contents.policySignatures) {
      const { key } = await verified(armour, contents.policy, POLICY);
      const theirs = persons.find((each) => each.name === person);
      if (theirs === undefined) continue;
      const lines = theirs.keys.map((each) => forms.keyOfLine(each.public_key).line);
      need(lines.includes(key.line), `the trust policy is signed with a key that is not ${person}'s`);
      enrolled += 1;
    }
    need(enrolled > 0 || contents.simulated, "nobody whom the trust policy names has signed it");
    return `signed by ${contents.policySignatures.map((each) => each.person).join(", ") || "nobody"}`;
  }

  function lacking(policy, signed, first) {
    if (first || policy.gates.length === 0) return policy.persons.filter((each) => !signed.has(each.name)).length > 0;
    return policy.gates.some((rule) => new Set(rule.persons.filter((each) => signed.has(each))).size < rule.threshold);
  }

  async function policyChainIsSigned(contents) {
    if (!contents.chained) return "weaker: the bundle has the run's policy alone; how the earlier ones were signed is not shown";
    const own = { body: contents.policy, signatures: contents.policySignatures, accepted: contents.policy_accepted_utc };
    let [current, since] = [null, ""];
    for (const { body, signatures, accepted } of [...contents.policies, own]) {
      const [policy, then] = [trust(body), moment(accepted)];
      need(then !== null && then >= since, `version ${policy.version} was accepted at ${accepted}`);
      equal("version of the trust policy", policy.version, current === null ? 1 : current.version + 1);
      need(policy.persons.length > 0, "a trust policy that names nobody");
      const judges = current === null ? [policy] : [current, policy];
      const signed = new Map(judges.map((each) => [each, new Set()]));
      for (const { armour } of signatures) {
        const signature = await verified(armour, body, POLICY);
        const owners = judges.map((each) => [each, owner(each, signature, then)]).filter(([, name]) => name !== null);
        need(owners.length > 0, `version ${policy.version} is signed with a key that is nobody's that counted then`);
        for (const [each, name] of owners) signed.get(each).add(name);
      }
      const short = judges.find((each) => lacking(each, signed.get(each), current === null));
      need(short === undefined, `version ${policy.version} of the trust policy lacks signatures`);
      [current, since] = [policy, then];
    }
    return `versions 1 to ${current.version} were signed as each, and the one before it, asks`;
  }

  async function signersAreThePolicys(contents) {
    const stamp = (written, up) => `${forms.wholeSecond(written, up).replace(/[-:T]/g, "")}Z`;
    const lines = trust(contents.policy).persons.flatMap(({ name, keys }) => keys.map((each) => {
      const until = each.revoked_utc ?? each.valid_until;
      const after = each.valid_from === null ? "" : `,valid-after="${stamp(each.valid_from, true)}"`;
      const before = until === null ? "" : `,valid-before="${stamp(until, false)}"`;
      return `${name} namespaces="${[APPROVE, REJECT, POLICY].join(",")}"${after}${before} ${forms.keyOfLine(each.public_key).line}\n`;
    }));
    need(lines.join("") === contents.signers, "the allowed signers are not those of the trust policy");
    return "the allowed signers are those of the trust policy";
  }

  return { APPROVE, REJECT, GATES, trust, policyWasSigned, policyChainIsSigned, signersAreThePolicys };
})();
