// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/consul-template/dependency"
	consultemplate "github.com/hashicorp/consul-template/template"
	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// answers is what the templates of the table find at "kv/app" and, as version 2
// of KV returns it, at "kv2/data/app".
func answers() map[string]*api.Secret {
	return map[string]*api.Secret{
		"kv/app": {
			RequestID: "req-1", LeaseID: "kv/app/lease", LeaseDuration: 3600, Renewable: true,
			Warnings: []string{"careful"},
			Data: map[string]any{
				"user": "bob", "pass": "p&<ss>", "port": json.Number("8080"), "yes": true, "none": nil,
				"list":   []any{"c", "a", "b"},
				"nested": map[string]any{"k2": "v2", "k1": "v1"},
				"json":   `{"a":[1,2.5,{"b":null}]}`,
			},
		},
		"kv2/data/app": {Data: map[string]any{
			"data":     map[string]any{"user": "eve"},
			"metadata": map[string]any{"version": json.Number("3")},
		}},
		"auth/token": {Auth: &api.SecretAuth{
			ClientToken: "hvs.token", Accessor: "acc", Policies: []string{"p1"},
			Metadata: map[string]string{"m": "1"}, LeaseDuration: 60, Renewable: true,
		}},
		"wrapped": {WrapInfo: &api.SecretWrapInfo{Token: "hvs.wrap", TTL: 30, WrappedAccessor: "wacc"}},
		"empty":   nil,
	}
}

// with puts an action into the scope of the secret at "kv/app".
func with(action string) string { return `{{ with secret "kv/app" }}` + action + `{{ end }}` }

// table is what users' templates call, and what comes of it.
var table = []struct{ template, want string }{
	// Text and control.
	{"", ""},
	{"plain text\r\n", "plain text\r\n"},
	{"{{/* comment */}}", ""},
	{"a {{- 1 -}} b", "a1b"},
	{`{{ range $i, $v := (split "," "a,b") }}{{ $i }}={{ $v }};{{ else }}none{{ end }}`, "0=a;1=b;"},
	{`{{ define "T" }}[{{ . }}]{{ end }}{{ template "T" "x" }}{{ executeTemplate "T" "y" }}`, "[x][y]"},
	{`{{ block "B" "z" }}<{{ . }}>{{ end }}`, "<z>"},
	{`{{ if and true (not false) (or false 1) }}yes{{ end }}`, "yes"},
	{`{{ eq 1 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt 2 1 }} {{ ge 2 2 }}`, "true true true true true true"},
	{`{{ printf "%s-%d" "a" 5 }} {{ print 1 2 }} {{ println "x" }}`, "a-5 1 2 x\n"},
	{`{{ html "<" }} {{ js "'" }} {{ urlquery "a b" }} {{ len "abc" }} {{ index (split "," "a,b") 1 }} {{ slice "abcd" 1 3 }}`, `&lt; \' a+b 3 b bc`},
	{`{{ range loop 3 }}{{ . }}{{ end }} {{ range $i := loop 5 8 }}{{ $i }}{{ end }} {{ range loop "2" }}{{ . }}{{ end }}`, "012 567 01"},
	{`{{ range loop 0 }}x{{ else }}empty{{ end }}{{ range loop "" }}x{{ end }}`, "empty"},
	{`{{ range loop 9 }}{{ if eq . 2 }}{{ break }}{{ end }}{{ if eq . 0 }}{{ continue }}{{ end }}{{ . }}{{ end }}`, "1"},
	{`{{ scratch.Set "a" 1 }}{{ scratch.Get "a" }}{{ scratch.MapSet "m" "k" "v" }}{{ range scratch.MapValues "m" }}{{ . }}{{ end }}`, "1v"},

	// Secrets.
	{with(`{{ .Data.user }} {{ .Data.pass }} {{ .Data.port }} {{ .Data.yes }}`), "bob p&<ss> 8080 true"},
	{with(`{{ .Data }}`), "map[json:{\"a\":[1,2.5,{\"b\":null}]} list:[c a b] nested:map[k1:v1 k2:v2] none:<nil> pass:p&<ss> port:8080 user:bob yes:true]"},
	{with(`{{ .LeaseID }} {{ .LeaseDuration }} {{ .Renewable }} {{ .RequestID }} {{ .Warnings }}`), "kv/app/lease 3600 true req-1 [careful]"},
	{with(`{{ range $k, $v := .Data.nested }}{{ $k }}={{ $v }} {{ end }}{{ range .Data.list }}{{ . }}{{ end }}`), "k1=v1 k2=v2 cab"},
	{with(`{{ if .Data.absent }}x{{ else }}absent{{ end }}`), "absent"},
	{with(`{{ or .Data.absent "default" }}`), "default"},
	{`{{ with secret "kv2/data/app" }}{{ .Data.data.user }} v{{ .Data.metadata.version }}{{ end }}`, "eve v3"},
	{`{{ (secret "kv/app").Data.user }}`, "bob"},
	{`{{ $s := secret " /kv/app/ " }}{{ $s.Data.user }}`, "bob"},
	{`{{ "kv/app" | secret | toJSON | len }}`, "313"},
	{`{{ with secret "auth/token" }}{{ .Auth.ClientToken }} {{ .Auth.Accessor }} {{ .Auth.Policies }} {{ .Auth.Metadata.m }} {{ .Auth.LeaseDuration }} {{ .Auth.Renewable }} {{ .Data }}{{ end }}`, "hvs.token acc [p1] 1 60 true map[]"},
	{`{{ with secret "wrapped" }}{{ .WrapInfo.Token }} {{ .WrapInfo.TTL }} {{ .WrapInfo.WrappedAccessor }}{{ end }}`, "hvs.wrap 30 wacc"},
	{`{{ with secret "empty" }}x{{ else }}nothing{{ end }}`, "nothing"},
	{`{{ with secret }}x{{ else }}no path{{ end }}{{ secrets "" }}{{ file "" }}{{ plugin "" }}`, "no path[]"},
	{with(`{{ mergeMap .Data.nested .Data.nested }} {{ (mergeMapWithOverride .Data.nested (parseJSON "{\"k1\":\"new\"}")).k1 }}`), "map[k1:v1 k2:v2] new"},
	{with(`{{ toJSON .Data.nested }}`), `{"k1":"v1","k2":"v2"}`},
	{with(`{{ .Data.pass | toJSON }} {{ .Data.pass | toUnescapedJSON }}`), `"p\u0026\u003css\u003e" "p&<ss>"`},
	{with(`{{ .Data.nested | toJSONPretty }}`), "{\n  \"k1\": \"v1\",\n  \"k2\": \"v2\"\n}"},
	{with(`{{ .Data.nested | toUnescapedJSONPretty }}`), "{\n  \"k1\": \"v1\",\n  \"k2\": \"v2\"\n}"},
	{with(`{{ .Data.nested | toYAML }}`), "k1: v1\nk2: v2"},
	{with(`{{ .Data.nested | toTOML }}`), "k1 = \"v1\"\nk2 = \"v2\""},
	{with(`{{ (index (.Data.json | parseJSON).a 1) }}`), "2.5"},
	{with(`{{ (.Data.nested | explodeMap).k1 }}`), "v1"},
	{with(`{{ in .Data.list "a" }} {{ contains "z" .Data.list }}`), "true false"},
	{with(`{{ containsAll .Data.list .Data.list }} {{ containsAny .Data.list .Data.list }} {{ containsNone .Data.list .Data.list }} {{ containsNotAll .Data.list .Data.list }}`), "true true false false"},
	{with(`{{ .Data.port | print | parseInt | add 1 }}`), "8081"},

	// Text functions.
	{`{{ "aGk=" | base64Decode }} {{ "hi" | base64Encode }} {{ "aGk_" | base64URLDecode }} {{ "hi?" | base64URLEncode }}`, "hi aGk= hi? aGk_"},
	{`{{ "a\nb" | indent 2 }}`, "  a\n  b"},
	{`{{ "a,b" | split "," | join "-" }} {{ "k:v,l:w" | splitToMap "," ":" }}`, "a-b map[k:v l:w]"},
	{`{{ "xax" | trim "x" }} {{ "xa" | trimPrefix "x" }} {{ "ax" | trimSuffix "x" }} [{{ " a " | trimSpace }}]`, "a a a [a]"},
	{`{{ "aB" | toLower }} {{ "aB" | toUpper }} {{ "ab cd" | toTitle }} {{ "aXb" | replaceAll "X" "-" }}`, "ab AB Ab Cd a-b"},
	{`{{ "foo1" | regexMatch "^foo[0-9]$" }} {{ "foo1" | regexReplaceAll "[0-9]" "x" }}`, "true foox"},
	{`{{ "true" | parseBool }} {{ "1.5" | parseFloat }} {{ "-3" | parseInt }} {{ "3" | parseUint }} {{ ("a: 1" | parseYAML).a }}`, "true 1.5 -3 3 1"},
	{`{{ "x" | sha256Hex }} {{ "x" | md5sum }} {{ "key" | hmacSHA256Hex "x" }}`, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 9dd4e461268c8034f5c8564e155c67a6 4fc3b7eaf34d7e594a6f51d9517ba543abf41067b27587ffd82ba3584e4d3cdd"},
	{`{{ add 1 2 }} {{ subtract 1 3 }} {{ multiply 2 3 }} {{ divide 2 6 }} {{ modulo 3 7 }} {{ minimum 1 2 }} {{ maximum 1 2 }}`, "3 2 6 3 1 1 2"},
	{`{{ env "RENDER_TEST" }} {{ mustEnv "RENDER_TEST" }} {{ envOrDefault "RENDER_UNSET" "d" }}{{ env "RENDER_UNSET" }}`, "set set d"},
	{`{{ byKey nil }} {{ byMeta "m" nil }} {{ explode nil }}`, "map[] map[] map[]"},
	{`{{ sprig_upper "a" }} {{ sprig_b64enc "a" }} {{ sprig_default "d" "" }} {{ sprig_nindent 1 "a" }} {{ sprig_list 1 2 }}`, "A YQ== d \n a [1 2]"},
}

// ours executes a template with our functions.
func ours(t *testing.T, in Input) string {
	t.Helper()
	w := &world{secrets: map[vaultreq.Request]*api.Secret{}}
	for path, secret := range answers() {
		w.secrets[read(path)] = secret
	}
	tmpl := parsed(t, in)
	result, err := tmpl.Execute(t.Context(), w)
	if err != nil {
		t.Fatalf("Execute: %v", err)
	}
	return string(result.Output)
}

// theirs executes a template with nothing but consul-template.
func theirs(t *testing.T, in Input) string {
	t.Helper()
	brain := consultemplate.NewBrain()
	for path, secret := range answers() {
		query, err := dependency.NewVaultReadQuery(path)
		if err != nil {
			t.Fatal(err)
		}
		brain.Remember(query, librarySecret(secret))
	}
	tmpl, err := consultemplate.NewTemplate(&consultemplate.NewTemplateInput{
		Contents: in.Contents, LeftDelim: in.LeftDelim, RightDelim: in.RightDelim, ErrMissingKey: in.ErrorOnMissingKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := tmpl.Execute(&consultemplate.ExecuteInput{Brain: brain})
	if err != nil {
		t.Fatalf("consul-template: %v", err)
	}
	if missing := result.Missing.Len(); missing > 0 {
		t.Fatalf("consul-template misses %s", result.Missing)
	}
	return string(result.Output)
}

func TestFunctions(t *testing.T) {
	t.Setenv("RENDER_TEST", "set")
	for _, c := range table {
		t.Run(c.template, func(t *testing.T) {
			in := text(c.template)
			if got := ours(t, in); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if c.template == "" {
				return // refused by consul-template unless it is read from a file
			}
			if got := theirs(t, in); got != c.want {
				t.Errorf("consul-template renders %q, want %q", got, c.want)
			}
		})
	}
}

func TestTableHasEveryFunction(t *testing.T) {
	// These need a function or a service of Consul, which no template can have.
	unusable := names("unusable", `call byPort byTag`)
	called := set{}
	for _, c := range table {
		for _, fn := range parsed(t, text(c.template)).facts.calls {
			called[fn.name] = "called"
		}
	}
	for _, group := range []set{builtin, library} {
		for name := range group {
			if !called.has(name) && !unreproducible.has(name) && !unusable.has(name) {
				t.Errorf("no template in the table calls %s", name)
			}
		}
	}
}
