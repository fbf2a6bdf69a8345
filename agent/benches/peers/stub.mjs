// The API that the workflow calls.
import { createServer } from 'node:http';

createServer((request, response) => {
  request.resume();
  request.on('end', () => response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":"n-1"}'));
}).listen(Number(process.argv[2]), '127.0.0.1');
