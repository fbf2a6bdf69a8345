// Signs with a passkey, or makes one. Forms that need it are hidden until it is here: other ways stand beside them.
"use strict";

{
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  /** What an authenticator signs; the words are those of `Assertion` in the agent. */
  async function sign(form) {
    const { challenge, rp, allow } = form.dataset;
    const allowCredentials = (allow || "").split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: bytes(id) }));
    const publicKey = { challenge: bytes(challenge), rpId: rp, allowCredentials, userVerification: "required", timeout: 120000 };
    const made = await navigator.credentials.get({ publicKey });
    return {
      credential: text(made.rawId),
      authenticator_data: text(made.response.authenticatorData),
      client_data: text(made.response.clientDataJSON),
      signature: text(made.response.signature),
    };
  }

  /** A new passkey, as `Registration` in the agent has it. */
  async function make(form) {
    const { challenge, rp, user, name } = form.dataset;
    const publicKey = {
      challenge: bytes(challenge),
      rp: { id: rp, name: "Assent" },
      user: { id: bytes(user), name, displayName: name },
      pubKeyCredParams: [{ type: "public-key", alg: -8 }, { type: "public-key", alg: -7 }],
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      attestation: "none",
      timeout: 120000,
    };
    const made = await navigator.credentials.create({ publicKey });
    return {
      credential: text(made.rawId),
      key: text(made.response.getPublicKey()),
      authenticator_data: text(made.response.getAuthenticatorData()),
      client_data: text(made.response.clientDataJSON),
    };
  }

  function offer(form) {
    const said = form.querySelector("[role=status]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.dataset.busy) return;
      form.dataset.busy = "yes";
      said.textContent = "Follow what your browser asks.";
      try {
        const made = await (form.dataset.passkey === "make" ? make(form) : sign(form));
        form.elements.passkey.value = JSON.stringify(made);
        form.submit();
      } catch {
        said.textContent = "No passkey was used: it was called off, took too long, or there is none for this page.";
      }
      delete form.dataset.busy;
    });
    form.hidden = false;
  }

  if (window.PublicKeyCredential) document.querySelectorAll("form[data-passkey]").forEach(offer);
  else document.querySelectorAll("[data-no-passkey]").forEach((note) => { note.hidden = false; });
}
