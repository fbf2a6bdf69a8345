// The workflow for Restate: the call and its answer are durable in its log.
// What the SDK expects of Node 22, for 20.
Promise.withResolvers ??= function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};
const restate = await import('@restatedev/restate-sdk');

const post = async (event) => {
  const answer = await fetch(`http://127.0.0.1:18001/tickets/${event.id}/notes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ body: `Seen: ${event.text}` }),
  });
  return answer.json();
};

const take = async (ctx, event) => {
  if (event.priority === 'high') {
    return ctx.run('note', () => post(event));
  }
  return {};
};

restate.serve({ services: [restate.service({ name: 'notes', handlers: { take } })], port: Number(process.argv[2]) });
