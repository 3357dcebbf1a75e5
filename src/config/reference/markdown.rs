//! The reference as a page.

use super::{Key, ReferenceLanguage, SECTIONS, SectionReference, Value, Words, words_of};

const HEAD: Words = words_of(
    "# Configuration\n\n\
     One file in TOML, `scan-login.toml` unless `--config` names another; relative paths are taken from its folder. `scan-login config default` \
     prints one to start from, and `scan-login config check` tells every fault at once: the key, its value, the reason and the cure.\n\n\
     Every key can be set from the environment, which counts before the file: `SCAN_LOGIN__SERVER__LISTEN`, and for what has a name \
     `SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRET` (other characters than letters and digits as `_`); lists as `a,b` or as in the file. \
     Below an account: `SCAN_LOGIN__ACCOUNT__MAIN__TEXTS__ZH_CN__CONFIRM`, `SCAN_LOGIN__ACCOUNT__MAIN__REPLIES__DEFAULT`; keywords are written in the \
     file. Any secret can be \
     given as a file, `app_secret_file = \"/run/secrets/app_secret\"`, from the environment too. An unknown key is a fault.\n",
    "# 配置参考\n\n\
     一个 TOML 文件，默认是 `scan-login.toml`，也可用 `--config` 指定；其中的相对路径从它所在的目录算起。`scan-login config default --lang zh-CN` \
     打印一份可以直接修改的文件；`scan-login config check` 一次指出所有错误：键、值、原因和解决办法。\n\n\
     每个键都可以用环境变量设置，优先于文件：`SCAN_LOGIN__SERVER__LISTEN`；有名字的表写作 \
     `SCAN_LOGIN__ACCOUNT__MAIN__APP_SECRET`（字母和数字以外的字符写成 `_`）；列表写作 `a,b`，或与文件中相同。\
     公众号下面的表：`SCAN_LOGIN__ACCOUNT__MAIN__TEXTS__ZH_CN__CONFIRM`、`SCAN_LOGIN__ACCOUNT__MAIN__REPLIES__DEFAULT`；关键词只能写在文件里。任何密钥都可以改写成文件：\
     `app_secret_file = \"/run/secrets/app_secret\"`，环境变量同理。不认识的键是错误。\n",
);

const COLUMNS: Words =
    words_of("| key | takes | default | |\n|---|---|---|---|\n", "| 键 | 取值 | 默认值 | 说明 |\n|---|---|---|---|\n");
const REQUIRED: Words = words_of("**required**", "**必填**");
const NONE: Words = words_of("none", "无");

pub(super) fn page(language: ReferenceLanguage) -> String {
    let sections: String = SECTIONS.iter().map(|section| self::section(section, language)).collect();
    HEAD.of(language).to_owned() + &sections
}

fn section(section: &SectionReference, language: ReferenceLanguage) -> String {
    let rows: String = section.keys.iter().map(|key| row(key, language)).collect();
    format!("\n## `{}`\n\n{}\n\n{}{rows}", section.header, section.about.of(language), COLUMNS.of(language))
}

fn row(key: &Key, language: ReferenceLanguage) -> String {
    let default = match key.value {
        Value::Required(_) => REQUIRED.of(language).to_owned(),
        Value::Default(value) => format!("`{value}`"),
        Value::Example(_) => NONE.of(language).to_owned(),
    };
    format!("| `{}` | {} | {default} | {} |\n", key.name, key.form.told(language), key.about.of(language))
}
