// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/certagent/certagent/settings"
	"github.com/certagent/certagent/vaultreq"
)

func TestRequests(t *testing.T) {
	web := map[string]string{"common_name": "web", "ttl": "1h"}
	none := map[string]string{}
	for _, c := range []struct {
		name, template string
		want           []vaultreq.Request
	}{
		{"read", `{{ secret "kv/app" }}`, []vaultreq.Request{read("kv/app")}},
		{"write", `{{ with secret "pki/issue/web" "common_name=web" "ttl=1h" }}{{ end }}`, []vaultreq.Request{write(vaultreq.Write, "pki/issue/web", web)}},
		{"list", `{{ range secrets "kv" }}{{ end }}`, []vaultreq.Request{{Kind: vaultreq.List, Path: "kv"}}},
		{"certificate", `{{ with pkiCert "pki/issue/web" "ttl=1h" "common_name=web" }}{{ end }}`, []vaultreq.Request{write(vaultreq.Certificate, "pki/issue/web", web)}},
		{"certificate without parameters", `{{ pkiCert "pki/issue/web" }}`, []vaultreq.Request{write(vaultreq.Certificate, "pki/issue/web", none)}},
		{"with an empty parameter it is a write", `{{ secret "kv/app" "" }}`, []vaultreq.Request{write(vaultreq.Write, "kv/app", none)}},
		{"query", `{{ secret "kv/app?version=2&a=1" }}`, []vaultreq.Request{read("kv/app?a=1&version=2")}},
		{"in order, once each", `{{ secret "b" }}{{ secret "a" }}{{ secret "/b/" }}`, []vaultreq.Request{read("b"), read("a")}},
		{"assignment", `{{ $s := secret "a" }}`, []vaultreq.Request{read("a")}},
		{"pipeline", `{{ secret "a" | toJSON }}{{ "b" | secret }}{{ "k=v" | secret "c" }}`, []vaultreq.Request{read("a"), read("b"), write(vaultreq.Write, "c", map[string]string{"k": "v"})}},
		{"parentheses", `{{ (secret "a").Data.x }}{{ toJSON (secret "b").Data }}{{ if not (secret "c") }}{{ end }}`, []vaultreq.Request{read("a"), read("b"), read("c")}},
		{"defined template that is called", `{{ define "T" }}{{ secret "a" }}{{ end }}{{ template "T" }}`, []vaultreq.Request{read("a")}},
		{"defined template that is not called", `{{ define "T" }}{{ secret "a" }}{{ end }}`, nil},
		{"template that calls itself", `{{ define "T" }}{{ secret "a" }}{{ template "T" }}{{ end }}{{ template "T" }}`, []vaultreq.Request{read("a")}},
		{"body of with", `{{ with secret "a" }}{{ secret "b" }}{{ else }}{{ secret "c" }}{{ end }}`, []vaultreq.Request{read("a")}},
		{"body of if", `{{ if secret "a" }}{{ secret "b" }}{{ else if secret "c" }}{{ end }}`, []vaultreq.Request{read("a")}},
		{"body of range", `{{ range secrets "a" }}{{ secret "b" }}{{ end }}`, []vaultreq.Request{{Kind: vaultreq.List, Path: "a"}}},
		{"short circuit", `{{ and (secret "a") (secret "b") }}{{ or (secret "c") (secret "d") }}`, []vaultreq.Request{read("a"), read("c")}},
		{"computed", `{{ secret (print "a") }}{{ secret "b" (env "X") }}{{ $p := "c" }}{{ secret $p }}`, nil},
		{"piped in from a computation", `{{ print "a" | secret }}{{ "x" | print "y" | secret "b" }}`, nil},
		{"malformed", `{{ secret "a" "novalue" }}{{ secret "" }}{{ secret }}`, nil},
		{"nothing after what may end it here", `{{ secret "a" }}{{ mustEnv "X" }}{{ secret "b" }}`, []vaultreq.Request{read("a")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := parsed(t, text(c.template)).Requests()
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %#v\nwant %#v", got, c.want)
			}
		})
	}
}

func TestNothingIsForetoldBehindADeniedFunction(t *testing.T) {
	in := Input{TemplateText: settings.TemplateText{Contents: `{{ secret "a" }}{{ secrets "b" }}{{ secret "c" }}`, FunctionDenylist: []string{"secrets"}}}
	if got, want := parsed(t, in).Requests(), []vaultreq.Request{read("a")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRequestsAreWhatTheExecutionAsks(t *testing.T) {
	for _, template := range []string{
		`{{ with secret "kv/app" }}{{ .Data.user }}{{ end }}`,
		`{{ with pkiCert " /pki/issue/web/ " " ttl = 1h" "common_name=a=b" "" }}{{ .Cert }}{{ end }}`,
		`{{ define "T" }}{{ "kv/%61pp?b=2&a=1" | secret }}{{ end }}{{ range secrets "kv/" }}{{ end }}{{ template "T" }}`,
	} {
		tmpl, w := parsed(t, text(template)), &world{}
		if _, err := tmpl.Execute(t.Context(), w); err != nil {
			t.Errorf("%s: %v", template, err)
		}
		if got := tmpl.Requests(); len(got) == 0 || !slices.Equal(got, w.asked) {
			t.Errorf("%s: foretold %v, asked %v", template, got, w.asked)
		}
	}
}

func TestEqualRequestsWrittenDifferently(t *testing.T) {
	same := func(name string, templates ...string) {
		t.Helper()
		for _, template := range templates[1:] {
			a, b := parsed(t, text(templates[0])).Requests(), parsed(t, text(template)).Requests()
			if len(a) != 1 || !slices.Equal(a, b) {
				t.Errorf("%s: %#v and %#v differ", name, a, b)
			}
		}
	}
	same("order, space and slashes of a write", `{{ secret "pki/issue/web" "a=1" "b=2" }}`,
		`{{ secret "pki/issue/web" "b=2" "a=1" }}`, `{{ secret " /pki/issue/web/" " a = 1 " "" "b=2" }}`,
		`{{ "b=2" | secret "pki/issue/web" "a=0" "a=1" }}`, "{{ secret `pki/issue/web` `a=1` `b=2` }}")
	same("order, space and slashes of a certificate", `{{ pkiCert "pki/issue/web" "a=1" "b=2" }}`,
		`{{ pkiCert "pki/issue/web/" "b=2 " "a=1" }}`, `{{ pkiCert "pki/issue/web?x=y" "b=2" "a=1" }}`)
	same("query of a read", `{{ secret "kv/app?a=1&b=2" }}`, `{{ secret "/kv/app?b=2&a=1" }}`, `{{ secret "kv/%61pp?b=2&a=1" }}`)
	same("list", `{{ secrets "kv/app" }}`, `{{ secrets "/kv/app/" }}`)
}

func TestDifferentRequests(t *testing.T) {
	seen := map[vaultreq.Request]string{}
	for _, template := range []string{
		`{{ secret "x" }}`, `{{ secrets "x" }}`, `{{ pkiCert "x" }}`, `{{ secret "x" "" }}`, `{{ secret "X" }}`, `{{ secret "x?a=1" }}`,
		`{{ secret "x" "ttl=1h" }}`, `{{ secret "x" "ttl=60m" }}`, `{{ secret "x" "a=1" "b=2" }}`, `{{ secret "x" "a=1,b=2" }}`,
		`{{ secret "x" "a=1\nb=2" }}`, `{{ secret "x" "a=1=2" }}`, `{{ pkiCert "x" "ttl=1h" }}`, `{{ pkiCert "x" "ttl=60m" }}`,
	} {
		r := parsed(t, text(template)).Requests()
		if len(r) != 1 {
			t.Fatalf("%s: %v", template, r)
		}
		if other := seen[r[0]]; other != "" {
			t.Errorf("%s and %s are one request", template, other)
		}
		seen[r[0]] = template
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		template, want      string
		known, reproducible bool
	}{
		{`{{ secret "a" }}`, "", true, true},
		{`{{ env "B" }}{{ mustEnv "A" }}{{ envOrDefault "B" "d" }}`, "A B", true, true},
		{`{{ if false }}{{ "C" | env }}{{ end }}{{ define "T" }}{{ env "D" }}{{ end }}`, "C D", true, true},
		{`{{ with env "A" }}{{ env . }}{{ end }}`, "A", false, true},
		{`{{ print "A" | env }}`, "", false, true},
		{`{{ print (env "A") env }}`, "A", false, true},
		{`{{ if false }}{{ timestamp }}{{ end }}`, "", true, false},
		{`{{ sprig_genPrivateKey "ecdsa" }}`, "", true, false},
		{`{{ plugin "x" }}`, "", true, false},
	} {
		tmpl := parsed(t, text(c.template))
		names, known := tmpl.Environment()
		if got := strings.Join(names, " "); got != c.want || known != c.known {
			t.Errorf("%s: Environment() = %q, %v, want %q, %v", c.template, got, known, c.want, c.known)
		}
		if got := tmpl.Reproducible(); got != c.reproducible {
			t.Errorf("%s: Reproducible() = %v", c.template, got)
		}
	}
}
