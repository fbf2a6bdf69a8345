// Tells Restate where the service is, once both listen.
const [admin, service] = process.argv.slice(2);
for (let tries = 0; tries < 120; tries += 1) {
  try {
    const answer = await fetch(`${admin}/deployments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uri: service }),
    });
    if (answer.ok) process.exit(0);
  } catch {
    // It does not listen yet.
  }
  await new Promise((done) => setTimeout(done, 500));
}
throw new Error('the service was not taken');
