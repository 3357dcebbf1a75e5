// Opens and seals messages with wechat-crypto: a JSON object a line on standard input, one answered on standard output.
// What goes in and comes out stands in check.py.

import { createInterface } from 'node:readline';
import WXBizMsgCrypt from 'wechat-crypto';

function open(crypto, task) {
  if (crypto.getSignature(task.timestamp, task.nonce, task.encrypt) !== task.msg_signature) {
    throw new Error('another signature');
  }
  const { message, id } = crypto.decrypt(task.encrypt);
  if (id !== task.app_id) throw new Error('another app id');
  return { clear: message };
}

function seal(crypto, task) {
  const encrypt = crypto.encrypt(task.clear);
  return { encrypt, msg_signature: crypto.getSignature(task.timestamp, task.nonce, encrypt) };
}

function answer(task) {
  try {
    return { open, seal }[task.do](new WXBizMsgCrypt(task.token, task.key, task.app_id), task);
  } catch (error) {
    return { error: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(answer(JSON.parse(line))));
}
