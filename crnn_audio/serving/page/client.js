// Requests to the service that this page came from, with the token where one is needed, and what to say when they fail.

const KEY = "crnn_audio token";
export const base = new URL(".", document.baseURI);

export const byId = (id) => document.getElementById(id);

export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

async function askForToken() {
  const dialog = byId("ask");
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  sessionStorage.setItem(KEY, byId("token").value.trim());
}

export async function request(path, options = {}) {
  const headers = token() ? { authorization: `Bearer ${token()}` } : {};
  let answer;
  try {
    answer = await fetch(new URL(path, base), { ...options, headers });
  } catch {
    throw new Error("The service cannot be reached.");
  }
  if (answer.status === 401) {
    await askForToken();
    return request(path, options);
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw new Error(body.error?.message ?? body.error ?? `The service answered ${answer.status}.`);
  }
  return answer;
}

export async function post(path, fields) {
  return (await request(path, { method: "POST", body: JSON.stringify(fields) })).json();
}

export function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return { method: "POST", body: data };
}

export function socket(path, fields) {
  const address = new URL(path, base);
  address.protocol = address.protocol.replace("http", "ws");
  for (const [name, value] of Object.entries({ ...fields, token: token() })) if (value) address.searchParams.set(name, value);
  return new WebSocket(address);
}

export function problem(error) {
  const place = byId("problem");
  place.textContent = error?.message ?? error ?? "";
  place.hidden = !place.textContent;
  if (place.textContent) place.scrollIntoView({ block: "nearest" });
}

// Runs a job of a button: no second time meanwhile, and its error is shown.
export async function during(button, status, job) {
  problem("");
  button.disabled = true;
  status.textContent = "Working …";
  try {
    status.textContent = (await job()) ?? "";
  } catch (error) {
    status.textContent = "";
    problem(error);
  }
  button.disabled = false;
}

export function bytes(encoded) {
  return Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
}

// A colour of the style sheet as it is in the present theme, which a canvas does not find by itself.
export function colour(name) {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
