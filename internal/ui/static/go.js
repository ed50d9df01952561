// go shows another state of Explore, as a click on a link would. Both entries
// of the history carry htmx's mark, so that Back loads the page again.
export function go(url, mark) {
  if (!document.querySelector('#explore')) {
    location.href = url;
    return;
  }
  htmx.ajax('GET', url, { source: '#explore', target: '#explore', swap: 'outerHTML show:none' }).then(() => {
    history.replaceState({ ...history.state, htmx: true }, '');
    history.pushState({ htmx: true, ...mark }, '', url);
  }, () => {}); // no answer, which htmx tells, or another state was asked for since
}
