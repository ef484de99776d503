"use strict";
// The README of a bundle, made again from the names of its files, as the program makes it: what a reader is told to
// run is not the bundle's to say. README_TEXTS, its fixed parts, is served by the program that writes it.

// Files is a map from names to bytes.
function readmeOf(files, simulated) {
  const texts = README_TEXTS;
  const names = [...files.keys()].sort();
  const found = (pattern) => names.map((name) => pattern.exec(name)).filter((match) => match !== null);
  const block = (intro, lines) => (lines.length ? `${intro}${lines.join("")}\`\`\`\n` : "");

  function time(request) {
    const body = new TextDecoder("latin1").decode(files.get(request) ?? new Uint8Array());
    const issued = /(?:^|\n)issued_utc: (\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z(?=\n|$)/.exec(body);
    return issued === null ? "" : ` -Overify-time=${issued.slice(1).join("")}Z`;
  }

  const approvals = found(/^(requests\/.+\.md)\.(.+?)(\.reject)?\.sig$/).map(([name, request, person, refused]) => {
    const namespace = refused ? policies.REJECT : policies.APPROVE;
    return `ssh-keygen -Y verify -f trust/allowed_signers -I ${person} -n ${namespace}${time(request)} -s ${name} < ${request}\n`;
  });
  const broughtIn = (name, policy) => `ssh-keygen -Y check-novalidate -n policy@iu-cutter.v1 -s ${name} < ${policy}\n`;
  const own = found(/^trust\/policy\.json\.(.+)\.sig$/).map(([name]) => broughtIn(name, "trust/policy.json"));
  const earlier = found(/^trust\/policy-(\d+)\.json$/).map(([, version]) => Number(version)).sort((one, two) => one - two);
  const logged = names.some((name) => name.startsWith("log/"));
  const chain = earlier.length ? found(/^(trust\/policy-\d+\.json)\.(.+)\.sig$/).map(([name, policy]) => broughtIn(name, policy)) : [];
  if (logged) {
    for (const version of earlier) {
      chain.push(`grep --quiet "$(sha256sum < trust/policy-${version}.json | cut -c 1-64)" log/*.record\n`);
    }
  }
  const signed = block(texts.approvals, approvals) || texts.nobody;
  const policy = block(texts.policy, own);
  const before = earlier.length ? `${texts.chain}${chain.join("")}\`\`\`\n` : "";
  return `${simulated ? texts.simulated : texts.live}\n${signed}\n${texts.statements}${policy}${before}${logged ? texts.log : ""}`;
}
