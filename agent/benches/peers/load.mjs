// Senders that send their next event when the last one was answered, as those of the engine's bench do.
import { Agent, request } from 'node:http';

const [name, url, seconds] = process.argv.slice(2);

function send(agent, n) {
  const body = JSON.stringify({ id: `T-${n}`, priority: 'high', text: 'My parcel has not arrived, and I wait for it since a week.' });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((done, fail) => {
    const one = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode < 300 ? done() : fail(new Error(`status ${answer.statusCode}`))));
    });
    one.on('error', fail);
    one.end(body);
  });
}

async function ready() {
  for (let tries = 0; tries < 120; tries += 1) {
    try {
      return await send(undefined, 0);
    } catch {
      await new Promise((done) => setTimeout(done, 500));
    }
  }
  throw new Error(`${name} does not answer`);
}

let number = 1;
async function measure(atOnce) {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const begin = performance.now() + 1000;
  const until = begin + 1000 * Number(seconds);
  const times = [];
  const sender = async () => {
    while (performance.now() < until) {
      const began = performance.now();
      await send(agent, (number += 1));
      const ended = performance.now();
      if (began >= begin && ended < until) times.push(ended - began);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (percent) => times[Math.min(times.length - 1, Math.floor((times.length * percent) / 100))]?.toFixed(1);
  console.log(`| ${name} | ${atOnce} | ${Math.round(times.length / Number(seconds))} | ${at(50)}, ${at(99)} |`);
}

await ready();
console.log('| | at once | runs/s | answer p50, p99 ms |\n|---|---|---|---|');
for (const atOnce of [1, 16, 64]) await measure(atOnce);
