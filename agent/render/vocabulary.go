// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"strings"
	"sync"
	"syscall"

	"github.com/certagent/certagent/redact"
)

// messages are the words that the messages of text/template, of the functions and of this
// package consist of.
const messages = `
	10s 30s a after allowed an anchor and another answer any api are arg args argument arguments array
	as asks associated at base64 be beginning belongs between bigger block bool break but by byte bytes
	call called calling can canceled Cannot cannot cause certagent certificate certificates changed
	character circular closing code codes colon column command comparable comparison Compile compile
	Config config constraint contain containing contains content context control conversion convert
	Corrupt corrupt could create Data data date deadline decimal decode deep defined dependency device
	did directories directory disabled division doc document documents does dot duration each earlier
	element empty encode encoding end ended entry environment EOF error errors escape escaped evaluate
	evaluating exceeded exec executable executeTemplate executing exist existing exit expected exponent
	expression extra field file files find first float32 float64 folder for format found from func
	function give given gone got group groups hard has have HealthService hex hold holds host id if
	illegal implemented improper in incompatible index indexes inner inode input instead int int16
	int32 int64 int8 integer interface interfaces interrupted into Invalid invalid is issuing it item
	iter iterate its JSON json k key KeyPair keys KiB killed kind kv large larger layout leading leads
	lease least len length level levels limit line lines link links list listing literal load long
	looking lookup many map mapping marshal maximum mebibytes mergo message MiB minimum missing month
	more multiple must n name named names NaN negative neither nested net newline nil no node non none
	not nothing null number numeric object octal of offset on one only open operation option or other
	out output outside over overflows pair parameters Parse parse ParseBool ParseFloat ParseInt
	ParseUint parsing part PATH path paths PEM PemEncoded perms pipe plugin point pointer positive
	print printed private process processes program public quote quoted range ranged read reading
	reason recursion reference reflect regexp regular rendering repeated repetition request requests
	required result returned returns root rune runtime said same sandbox second seconds Secret secret
	SecretAuth SecretWrapInfo segment self Semantic semantic Seq several should SIGABRT SIGHUP SIGINT
	SIGKILL sign signal SIGPIPE SIGSEGV SIGTERM size slice socket space stack start started stat status
	still stopped strconv string strings struct Structure structure such sum support syntax system tag
	takes target template templates terminal test text than that the their them then there they this
	three Time time timed timeout tmpl to token TOML toml too took top trailing type types uint uint16
	uint32 uint64 uint8 uintptr unable unclosed undefined unescaped unexpected unexpectedly unknown
	unmarshal unquoted unsupported unterminated untyped URL url use used user using UTF UTF8 utf8 valid
	value values variable Vault Version version wait want wanted was when which while with within
	without word would write writes writing wrong x509 YAML yaml year yet zero zone`

// vocabulary returns these words, those of the system's errors, and the functions' names.
var vocabulary = sync.OnceValue(func() map[string]bool {
	words := make(map[string]bool)
	add := func(text string) {
		for _, w := range word().FindAllString(text, -1) {
			words[w] = true
		}
	}
	add(messages)
	add(redact.Mark)
	for errno := syscall.Errno(1); errno < 134; errno++ {
		if text := errno.Error(); !strings.HasPrefix(text, "errno ") {
			add(text)
		}
	}
	for _, group := range []set{own, builtin, library, sprigNames()} {
		for name := range group {
			add(strings.TrimPrefix(name, "sprig_"))
			add(name)
		}
	}
	return words
})
