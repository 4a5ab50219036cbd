// A light, steady load: PER_SECOND requests a second to TARGET, and a line a minute about what came of them.
import { Agent, get } from 'node:http';

const target = process.env.TARGET ?? 'http://127.0.0.1:8080/productpage';
const perSecond = Number(process.env.PER_SECOND ?? 5);
const agent = new Agent({ keepAlive: true });
let answered = 0;
let failed = 0;

const ask = () => {
  const request = get(target, { agent, timeout: 10_000 }, (response) => {
    response.resume();
    response.on('end', () => (response.statusCode < 500 ? answered++ : fail(`status ${response.statusCode}`)));
    response.on('error', ({ message }) => fail(message));
  });
  request.on('timeout', () => request.destroy(new Error('no answer within 10 s')));
  request.on('error', ({ message }) => fail(message));
};

function fail(why) {
  failed++;
  console.log(`failed: ${why}`);
}

setInterval(ask, 1000 / perSecond);
setInterval(() => console.log(`${answered} requests answered, ${failed} failed`), 60_000);
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(0));
