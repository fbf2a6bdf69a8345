"""A server of mail on loopback: aiosmtpd. One JSON line for each mail, parsed by Python's own reader of mail."""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

mode, port, certificate, key, user, password = sys.argv[1:7]


class Handler:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "tls": session.ssl is not None or mode == "tls",
            "signed_in": session.authenticated is True,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in message.items()],
            "defects": [str(defect) for defect in message.defects],
            "text": message.get_content().replace("\r\n", "\n"),
        }
        print(json.dumps(told), flush=True)
        return "250 taken"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 known"


def lets_in(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.login.decode() == user and data.password.decode() == password
    return AuthResult(success=good, handled=False)


context = None
if certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
options = {"hostname": "127.0.0.1", "port": int(port), "authenticator": lets_in, "auth_required": bool(user)}
options["auth_require_tls"] = mode == "starttls"
if mode == "starttls":
    options.update(tls_context=context, require_starttls=True)
if mode == "tls":
    options.update(ssl_context=context)
if mode == "login":
    options.update(auth_exclude_mechanism=["PLAIN"])
controller = Controller(Handler(), **options)
controller.start()
print("ready", flush=True)
asyncio.new_event_loop().run_forever()
