// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"slices"
	"strings"
	"testing"
)

// derivations are expressions with what a function has made of a secret, so that no text
// known to be secret is in them.
var derivations = []string{
	`(.Data.text | toUpper)`,
	`(print (slice .Data.text 0 9) "x")`,
	`(.Data.text | base64Encode)`,
	`(index (.Data.words | split " ") 1)`,
	`(.Data.colon | toUpper)`,
	`(.Data.lines | toUpper)`,
	`(.Data.apos | toUpper)`,
	`(.Data.yaml | toUpper)`,
	`(.Data.json | toUpper)`,
	`(.Data.json | parseJSON).inner`,
	`(sprig_dict "k" (.Data.text | toUpper))`,
	`(sprig_dict (.Data.text | toUpper) "v")`,
	`(sprig_list (.Data.text | toUpper))`,
	`(.Data.bad | toUpper)`,
	`(.Data.pin | trimPrefix "0")`,
	`(print "/" (.Data.text | toUpper))`,
	`(print (.Data.text | toUpper) ".example.test")`,
}

// forms are calls of a function %F with a derivation %D.
var forms = []string{
	"{{ %F %D }}", "{{ %F \"a\" %D }}", "{{ %F %D \"a\" }}", "{{ %F %D %D }}", "{{ %F \"a\" \"b\" %D }}", "{{ %F \"a\" %D \"b\" }}", "{{ %F %D %D %D }}",
	"{{ %F 1 %D }}", "{{ %F %D 1 }}", "{{ range (%F %D) }}{{ end }}", "{{ %F (sprig_dict) %D }}", "{{ %F %D (sprig_dict) }}", "{{ %F \"a\" 1 %D }}", "{{ (%F %D).x }}", "{{ index (%F %D) \"zz\" }}",
	"{{ %F \"/a\" %D \"\" \"0600\" \"x\" }}", "{{ %F \"/a\" \"\" %D \"0600\" \"x\" }}", "{{ %F %D %D %D %D %D }}",
}

// slow are functions that make keys.
func slow(name string) bool {
	for _, part := range []string{"genCA", "genSelf", "genSigned", "genPrivate", "bcrypt", "htpasswd", "derivePassword"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// TestErrorsHideDerivedSecrets calls every function with values that are made of secrets:
// no error shows one, or a part of it.
func TestErrorsHideDerivedSecrets(t *testing.T) {
	var functions []string
	for _, group := range []set{own, builtin, library, sprigNames()} {
		for name := range group {
			if !slow(name) {
				functions = append(functions, name)
			}
		}
	}
	slices.Sort(functions)
	data := map[string]any{
		"text": "canaryTEXT", "words": "one canaryWORD three", "colon": "a:canaryCOLON=b, c", "lines": "x\ncanaryLINE1\ncanaryLINE2: [\n",
		"apos": `it's canaryAPOS "q" `, "yaml": "canaryYAMLKEY: [canaryYAML", "json": `{"inner":"canaryINNER","more":["canaryMORE"]}`, "bad": "((canaryBAD[%zz",
		"pin": "0471147114711",
	}
	marks := []string{"CANARY", "canary", "Canary", "Y2FuYXJ5", "47114711"}
	perFunction := len(derivations) * len(forms)
	const step = 13 // prime to the lengths: each function meets every form and derivation
	for n, name := range functions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := 0
			for i := n % step; i < perFunction; i += step {
				form, derivation := forms[i%len(forms)], derivations[i/len(forms)]
				contents := with(strings.NewReplacer("%F", name, "%D", derivation).Replace(form))
				tmpl, err := Parse(text(contents))
				if err != nil {
					continue
				}
				if _, err = tmpl.Execute(t.Context(), kv(data)); err == nil {
					continue
				}
				shown := strings.ReplaceAll(err.Error(), contents, "")
				if m := placed.FindStringSubmatch("template: :" + shown); m != nil {
					shown = m[4]
				}
				for _, mark := range marks {
					if strings.Contains(shown, mark) && failed < 3 {
						failed++
						t.Errorf("%s\n%v", contents, err)
					}
				}
			}
		})
	}
}
