"""Opens and seals messages with wechatpy: a JSON object a line on standard input, one answered on standard output.

{"do": "open", "token", "key", "app_id", "timestamp", "nonce", "msg_signature", "encrypt"} -> {"clear"} or {"error"}
{"do": "seal", "token", "key", "app_id", "timestamp", "nonce", "clear"} -> {"encrypt", "msg_signature"}
"""

import json
import sys

import xmltodict
from wechatpy.crypto import WeChatCrypto


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def open_message(crypto, task):
    envelope = xmltodict.unparse({"xml": {"ToUserName": "gh_1", "Encrypt": task["encrypt"]}})
    clear = crypto.decrypt_message(envelope, task["msg_signature"], task["timestamp"], task["nonce"])
    return {"clear": text(clear)}


def seal_message(crypto, task):
    envelope = xmltodict.parse(text(crypto.encrypt_message(task["clear"], task["nonce"], task["timestamp"])))["xml"]
    return {"encrypt": envelope["Encrypt"], "msg_signature": envelope["MsgSignature"]}


def answer(task):
    try:
        crypto = WeChatCrypto(task["token"], task["key"], task["app_id"])
        return {"open": open_message, "seal": seal_message}[task["do"]](crypto, task)
    except Exception as error:  # Whatever keeps it from being opened is an opinion, too.
        return {"error": type(error).__name__ + ": " + str(error)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
