// The productpage service: a page and a JSON API put together from details, reviews and ratings.
import { page } from './productpage-html.js';
import { call, readBody, send, sendJson, serve, settings } from './service.js';

const products = [
  {
    id: 0,
    title: 'The Comedy of Errors',
    descriptionHtml:
      'Two merchants’ sons, identical twins who lost each other at sea, happen upon the same town with servants who are twins as well. One of Shakespeare’s first plays, and his shortest.',
  },
];

/** The user who signed in, from the cookie; sent on as `end-user`, which routing rules can match. */
function userOf(request) {
  const cookie = /(?:^|;\s*)user=([\w.@%-]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  return cookie.replaceAll(/%[0-9A-Fa-f]{2}/g, ' ').trim();
}

function forUser(request) {
  const user = userOf(request);
  return user ? { headers: { ...request.headers, 'end-user': user } } : request;
}

async function showPage(request, response) {
  const asked = forUser(request);
  const [details, reviews] = await Promise.all([
    call('details', '/details/0', asked),
    call('reviews', '/reviews/0', asked),
  ]);
  const content = { product: products[0], user: userOf(request), details, reviews, instance: settings.instance };
  send(response, 200, page(content), 'text/html; charset=utf-8');
}

/** Passes on what a service says about a product, or says that it is not to be had. */
async function passOn(service, request, response, id) {
  if (!products[id]) return sendJson(response, 404, { error: `there is no product ${id}` });
  const { status, body } = await call(service, `/${service}/${id}`, forUser(request));
  const unavailable = { error: `Sorry, product ${service} are currently unavailable for this book.` };
  sendJson(response, status, status === 200 && body !== undefined ? body : unavailable);
}

async function login(request, response) {
  const user = new URLSearchParams(await readBody(request)).get('username') ?? '';
  response.writeHead(302, {
    location: '/productpage',
    'set-cookie': `user=${encodeURIComponent(user)}; Path=/; HttpOnly; SameSite=Lax`,
  });
  response.end();
}

function logout(_, response) {
  response.writeHead(302, { location: '/productpage', 'set-cookie': 'user=; Path=/; Max-Age=0' });
  response.end();
}

serve('productpage', [
  [/^\/(index\.html)?$/, (_, response) => response.writeHead(302, { location: '/productpage' }).end()],
  [/^\/productpage$/, showPage],
  [/^\/login$/, login],
  [/^\/logout$/, logout],
  [/^\/api\/v1\/products$/, (_, response) => sendJson(response, 200, products)],
  [/^\/api\/v1\/products\/(\d+)$/, (request, response, match) => passOn('details', request, response, match[1])],
  [
    /^\/api\/v1\/products\/(\d+)\/(reviews|ratings)$/,
    (request, response, match) => passOn(match[2], request, response, match[1]),
  ],
]);
