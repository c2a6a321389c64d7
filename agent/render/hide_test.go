// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// The canaries stand for secrets. No error may hold one, in whatever form.
var canaries = map[string]any{
	"text":   "canaryTEXT",
	"lines":  "-----BEGIN EC PRIVATE KEY-----\ncanaryLINE1\ncanaryLINE2\n-----END EC PRIVATE KEY-----\n",
	"quotes": `canary"QUOTE\`,
	"list":   []any{"canaryITEM", map[string]any{"deep": "canaryDEEP"}},
	"json":   `{"inner":"canaryINNER","more":["canaryMORE"]}`,
	"yaml":   "canaryYAMLKEY: [canaryYAML",
	"empty":  "",
}

func TestErrorsHideSecrets(t *testing.T) {
	for _, action := range []string{
		`{{ .Data.text | parseInt }}`,
		`{{ .Data.lines | parseInt }}`,
		`{{ .Data.quotes | parseBool }}`,
		`{{ index .Data.list 0 | parseFloat }}`,
		`{{ (index .Data.list 1).deep | parseUint }}`,
		`{{ .Data.json | parseInt }}`,
		`{{ (.Data.json | parseJSON).inner | parseInt }}`,
		`{{ .Data.text | toUpper | parseInt }}`,
		`{{ .Data.text | base64Encode | parseInt }}`,
		`{{ .Data.lines | sprig_b64enc | regexMatch "[" }}`,
		`{{ .Data.text | regexReplaceAll (print "[" .Data.text) "" }}`,
		`{{ range .Data.text }}{{ end }}`,
		`{{ range (.Data.text | toLower) }}{{ end }}`,
		`{{ .Data.yaml | parseYAML }}`,
		`{{ add .Data.text 1 }}`,
		`{{ add 1 .Data }}`,
		`{{ .Data.text.field }}`,
		`{{ index .Data .Data.text "x" }}`,
		`{{ template "T" .Data.text }}{{ end }}{{ define "T" }}{{ . | parseInt }}`,
		`{{ executeTemplate .Data.text }}`,
		`{{ secret "kv/x" .Data.text }}`,
		`{{ secret (print .Data.text "%zz") }}`,
		`{{ "x" | writeToFile "/f" "" "" .Data.text }}`,
		`{{ sprig_fail .Data.text }}`,
		`{{ sprig_fail (print "it is " .Data.text) }}`,
		`{{ in 5 .Data.text | print .Data.text | parseInt }}`,
		`{{ loop .Data.text }}`,
		`{{ sockaddr .Data.text }}`,
		`{{ slice .Data.text 50 }}`,
		`{{ printf "%d" .Data.text | parseInt }}`,
		`{{ .Data.text | toTitle | mustEnv }}`,
		`{{ call .Data.text }}`,
		`{{ plugin "tell" .Data.text }}`,
		`{{ file "token" | parseInt }}`,
		`{{ file "token" | trimSpace | parseInt }}`,
		`{{ file .Data.text }}`,
		`{{ plugin "say" | parseInt }}`,
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			w := kv(canaries)
			w.files = map[string]string{"token": "canaryFILE\n"}
			w.plugins = map[string]func([]string) (string, error){
				"tell": func(args []string) (string, error) { return "", fmt.Errorf("failed: %s", args) },
				"say":  func([]string) (string, error) { return "canaryPLUGIN", nil },
			}
			_, err := parsed(t, text(with(action))).Execute(t.Context(), w)
			if err == nil {
				t.Fatal("no error")
			}
			for _, form := range []string{"canary", "CANARY", "Canary", "Y2FuYXJ5", "LS0tLS1CRUdJTi"} {
				if strings.Contains(err.Error(), form) {
					t.Errorf("holds a secret: %v", err)
				}
			}
			var located *Error
			if !errors.As(err, &located) || located.Line != 1 {
				t.Errorf("without its place: %v", err)
			}
		})
	}
}

func TestErrorsHideWhatIsBesideTheData(t *testing.T) {
	w := &world{secrets: map[vaultreq.Request]*api.Secret{read("auth"): {
		LeaseID:  "canaryLEASE",
		Auth:     &api.SecretAuth{ClientToken: "canaryTOKEN", Accessor: "canaryACCESSOR", Metadata: map[string]string{"a": "canaryMETA"}},
		WrapInfo: &api.SecretWrapInfo{Token: "canaryWRAP", WrappedAccessor: "canaryWRAPPED"},
	}}}
	for _, field := range []string{".LeaseID", ".Auth.ClientToken", ".Auth.Accessor", ".Auth.Metadata.a", ".WrapInfo.Token", ".WrapInfo.WrappedAccessor"} {
		_, err := parsed(t, text(`{{ with secret "auth" }}{{ sprig_fail `+field+` }}{{ end }}`)).Execute(t.Context(), w)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestErrorsKeepWhatIsNoSecret(t *testing.T) {
	for action, want := range map[string]string{
		`{{ "12x" | parseInt }}`:       `parsing "12x": invalid syntax`,
		`{{ mustEnv "RENDER_UNSET" }}`: `required environment variable RENDER_UNSET is empty`,
		`{{ file "/no/such" }}`:        `open /no/such: file does not exist`,
		`{{ .Data.text | index 5 }}`:   `can't index item of type int`,
		`{{ .Data.text.field }}`:       `can't evaluate field field in type interface {}`,
	} {
		_, err := parsed(t, text(with(action))).Execute(t.Context(), kv(canaries))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", action, err, want)
		}
	}
}
