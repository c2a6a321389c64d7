// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"strings"
	"sync"

	"github.com/certagent/certagent/nearest"
)

// set is a set of function names; the value of each is the name of its group.
type set map[string]string

// has reports whether a name is in the set.
func (s set) has(name string) bool { return s[name] != "" }

// names returns a set of pairs of a group and the names in it.
func names(pairs ...string) set {
	s := set{}
	for i := 0; i < len(pairs); i += 2 {
		for name := range strings.FieldsSeq(pairs[i+1]) {
			s[name] = pairs[i]
		}
	}
	return s
}

// refused are the functions that query systems which certagent does not support.
var refused = names("Consul", `
	caLeaf caRoots connect datacenters exportedServices key keyExists keyOrDefault ls node nodes
	partitions peerings safeLs safeTree service services tree`,
	"Nomad", `nomadService nomadServices nomadVar nomadVarExists nomadVarList nomadVarListSafe`)

// own are the functions that this package replaces. A template that calls only these and
// those of text/template does not need consul-template.
var own = names("own", `executeTemplate file loop pkiCert plugin secret secrets spew_dump spew_printf writeToFile`)

// builtin are the functions of text/template.
var builtin = names("text/template", `
	and call eq ge gt html index js le len lt ne not or print printf println slice urlquery`)

// library are the functions of consul-template, without those of Sprig.
var library = names("consul-template", `
	add base64Decode base64Encode base64URLDecode base64URLEncode byKey byMeta byPort byTag contains
	containsAll containsAny containsNone containsNotAll divide env envOrDefault explode
	explodeMap hmacSHA256Hex in indent join maximum md5sum mergeMap mergeMapWithOverride minimum modulo
	multiply mustEnv parseBool parseFloat parseInt parseJSON parseUint parseYAML regexMatch regexReplaceAll
	replaceAll scratch sha256Hex sockaddr spew_sdump spew_sprintf split splitToMap subtract timestamp toJSON
	toJSONPretty toLower toTOML toTitle toUnescapedJSON toUnescapedJSONPretty toUpper toYAML trim trimPrefix
	trimSpace trimSuffix`)

// unreproducible are the functions whose results do not depend on their arguments alone,
// but on clocks, random numbers, network interfaces, processes or memory addresses.
var unreproducible = names("unreproducible", `
	plugin sockaddr spew_sdump spew_sprintf timestamp
	sprig_ago sprig_bcrypt sprig_durationRound sprig_encryptAES sprig_genCA sprig_genCAWithKey
	sprig_genPrivateKey sprig_genSelfSignedCert sprig_genSelfSignedCertWithKey sprig_genSignedCert
	sprig_genSignedCertWithKey sprig_htpasswd sprig_keys sprig_mustToDate sprig_randInt sprig_shuffle
	sprig_toDate sprig_values`)

// environmental are the functions whose first argument is an environment variable.
var environmental = names("environment", `env envOrDefault mustEnv`)

// local are the functions that may end an execution for a reason on this machine, so that
// requests after them are not made in advance.
var local = names("local", `file mustEnv plugin sprig_fail`)

// sprigNames are the functions of Sprig, with the names of consul-template.
var sprigNames = sync.OnceValue(func() set {
	s := set{}
	for name := range sprigFunctions() {
		s[name] = "Sprig"
	}
	return s
})

// known reports whether a template may call a function.
func known(name string) bool {
	return own.has(name) || builtin.has(name) || library.has(name) || sprigNames().has(name)
}

// nearestFunction returns the known function whose name is most like an unknown one,
// or "" if none is.
func nearestFunction(name string) string {
	names := func(yield func(string) bool) {
		for _, group := range []set{own, builtin, library, sprigNames()} {
			for name := range group {
				if !yield(name) {
					return
				}
			}
		}
	}
	best := nearest.Name(name, names, max(2, len(name)/3))
	if sprig := "sprig_" + name; !strings.EqualFold(best, name) && sprigNames().has(sprig) {
		return sprig
	}
	return best
}
