// The product page's HTML.

const style = `
  :root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6b7c; --line: #d9e0e8; --paper: #fff; --ground: #f3f6f9; --accent: #1a5fb4; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e8edf3; --soft: #9fb0c0; --line: #33414f; --paper: #1b242e; --ground: #12181f; --accent: #78aeed; }
  }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
  header { display: flex; gap: 1rem; align-items: center; padding: .8rem 1.5rem; background: var(--paper); border-bottom: 1px solid var(--line); }
  header strong { margin-right: auto; }
  header input { font: inherit; padding: .2rem .5rem; width: 9rem; }
  header button { font: inherit; padding: .2rem .8rem; cursor: pointer; }
  main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.5rem; }
  h1 { margin: 0 0 .3rem; } h2 { margin: 0 0 .8rem; font-size: 1.15rem; }
  .columns { display: grid; grid-template-columns: 1fr 1.4fr; gap: 1.5rem; margin-top: 1.5rem; }
  @media (max-width: 45rem) { .columns { grid-template-columns: 1fr; } }
  section { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; padding: 1.2rem 1.4rem; }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 0; } dt { color: var(--soft); } dd { margin: 0; }
  blockquote { margin: 0 0 1rem; } blockquote footer { color: var(--soft); }
  .stars { letter-spacing: .15em; } .red { color: #d9363e; } .black { color: var(--ink); }
  .badge { float: right; border-radius: 1rem; padding: .1rem .8rem; background: var(--accent); color: var(--paper); font-size: .85rem; }
  .problem { color: #c4550a; }
  .where { color: var(--soft); font-size: .85rem; margin-top: 1.5rem; }
`;

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (character) => escapes[character]);

function detailsHtml({ status, body }) {
  if (status !== 200 || !body)
    return `<p class="problem">Sorry, product details are currently unavailable for this book.</p>`;
  const shown = Object.entries(body).filter(([name]) => name !== 'id');
  return `<dl>${shown.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>`;
}

function starsHtml(rating) {
  if (!rating) return '';
  if (rating.error) return `<p class="problem">${escapeHtml(rating.error)}</p>`;
  const stars = Math.max(0, Math.min(5, Number(rating.stars) || 0));
  const color = rating.color === 'red' ? 'red' : 'black';
  return `<p class="stars ${color}" title="${stars} of 5">${'★'.repeat(stars)}${'☆'.repeat(5 - stars)}</p>`;
}

function reviewsHtml({ status, body }) {
  if (status !== 200 || !Array.isArray(body?.reviews))
    return `<p class="problem">Sorry, product reviews are currently unavailable for this book.</p>`;
  const quotes = body.reviews.map(
    ({ text, reviewer, rating }) =>
      `<blockquote><p>“${escapeHtml(text)}”</p>${starsHtml(rating)}<footer>— ${escapeHtml(reviewer)}</footer></blockquote>`,
  );
  return `${quotes.join('')}<p class="where">answered by ${escapeHtml(body.podname)}</p>`;
}

function signInHtml(user) {
  if (user) return `<span>${escapeHtml(user)}</span> <a href="/logout">sign out</a>`;
  return `<form method="post" action="/login"><input name="username" placeholder="user name" aria-label="user name"> <button>Sign in</button></form>`;
}

/** The whole page; `details` and `reviews` are those services' answers, which may be failures. */
export function page({ product, user, details, reviews, instance }) {
  const version = reviews.status === 200 && reviews.body?.version;
  const badge = version ? `<span class="badge">reviews ${escapeHtml(version)}</span>` : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(product.title)} – Bookinfo</title>
<style>${style}</style>
</head>
<body>
<header><strong>Bookinfo</strong>${signInHtml(user)}</header>
<main>
<h1>${escapeHtml(product.title)}</h1>
<p>${escapeHtml(product.descriptionHtml)}</p>
<div class="columns">
<section><h2>Book details</h2>${detailsHtml(details)}</section>
<section><h2>Book reviews ${badge}</h2>${reviewsHtml(reviews)}</section>
</div>
<p class="where">page served by ${escapeHtml(instance)}; reload it to see how traffic is split</p>
</main>
</body>
</html>
`;
}
