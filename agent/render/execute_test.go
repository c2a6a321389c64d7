// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
	"github.com/certagent/certagent/vaultreq"
)

func TestMissingHoldsBackOutputAndErrors(t *testing.T) {
	for _, c := range []struct {
		name, template string
		want           []vaultreq.Request
	}{
		{"with", `text {{ with secret "a" }}{{ secret "b" }}{{ end }}`, []vaultreq.Request{read("a")}},
		{"all that are reached", `{{ secret "a" }}{{ range secrets "l" }}{{ end }}{{ pkiCert "c" "x=y" }}`,
			[]vaultreq.Request{read("a"), {Kind: vaultreq.List, Path: "l"}, write(vaultreq.Certificate, "c", map[string]string{"x": "y"})}},
		{"once each", `{{ secret "a" }}{{ secret "a" }}`, []vaultreq.Request{read("a")}},
		{"an error for want of the answer", `{{ (secret "a").Data.x | base64Decode }}`, []vaultreq.Request{read("a")}},
		{"no value for want of the answer", `{{ (secret "a").Data.x }}`, []vaultreq.Request{read("a")}},
		{"nothing is written", `{{ secret "a" }}{{ writeToFile "/f" "" "" "0600" "x" }}`, []vaultreq.Request{read("a")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := rendered(t, Input{TemplateText: settings.TemplateText{Contents: c.template, ErrorOnMissingKey: true}}, &world{})
			if diff := cmp.Diff(Result{Used: c.want, Missing: c.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOneExecutionAsksOnceAndSeesOneAnswer(t *testing.T) {
	w := kv(map[string]any{"a": "1", "m": map[string]any{"k": "v"}})
	in := text(`{{ range loop 3 }}{{ with secret "kv/app" }}{{ .Data.a }}{{ end }}{{ end }}`)
	result := rendered(t, in, w)
	if string(result.Output) != "111" || len(w.asked) != 1 || !slices.Equal(result.Used, w.asked) {
		t.Errorf("output %q, asked %v, used %v", []byte(result.Output), w.asked, result.Used)
	}
}

func TestAnswersAreNotChanged(t *testing.T) {
	data := func() map[string]any {
		return map[string]any{"m": map[string]any{"k": "v"}, "l": []any{map[string]any{"x": "y"}}}
	}
	w := kv(data())
	rendered(t, text(with(`{{ $_ := sprig_set .Data.m "k" "w" }}{{ $_ := sprig_set (index .Data.l 0) "x" "z" }}{{ $_ := sprig_unset .Data "l" }}{{ .Data.m.k }}`)), w)
	if diff := cmp.Diff(data(), w.secrets[read("kv/app")].Data); diff != "" {
		t.Error(diff)
	}
}

func TestSecrets(t *testing.T) {
	list := vaultreq.Request{Kind: vaultreq.List, Path: "kv"}
	in := text(`{{ range secrets "kv" }}{{ . }},{{ end }}`)
	for _, c := range []struct {
		name   string
		answer *api.Secret
		want   string
	}{
		{"sorted", &api.Secret{Data: map[string]any{"keys": []any{"c/", "a", "b"}}}, "a,b,c/,"},
		{"nothing to list", nil, ""},
		{"no keys", &api.Secret{}, ""},
	} {
		result := rendered(t, in, &world{secrets: map[vaultreq.Request]*api.Secret{list: c.answer}})
		if got := string(result.Output); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, keys := range []any{"text", []any{1}} {
		answer := &api.Secret{Data: map[string]any{"keys": keys}}
		if _, err := parsed(t, in).Execute(t.Context(), &world{secrets: map[vaultreq.Request]*api.Secret{list: answer}}); err == nil {
			t.Errorf("keys %v: no error", keys)
		}
	}
}

func TestErrorOnMissingKey(t *testing.T) {
	in := Input{TemplateText: settings.TemplateText{Contents: "a\n" + with(`{{ .Data.absent }}`), ErrorOnMissingKey: true}}
	_, err := parsed(t, in).Execute(t.Context(), kv(map[string]any{"a": "b"}))
	want := `test:2:35: executing <.Data.absent>: map has no entry for key "absent"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestNoValueIsAnError(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{"a\n\n" + with(`b {{ .Data.absent }}`), `test:3:37: executing <.Data.absent>: map has no entry for key "absent", or it is null`},
		{with(`{{ .Data.absent | print | writeToFile "/f" "" "" "600" }}`), ""}, // print says <nil>, as in consul-template
		{with(`{{ printf "x\n%s" "<no value>" | writeToFile "/f" "" "" "600" }}`), ""},
		{with(`{{ if eq (print .Data.absent) "<no value>" }}{{ end }}{{ .Data.absent }}`), ""},
	} {
		result, err := parsed(t, text(c.template)).Execute(t.Context(), kv(map[string]any{"a": "b"}))
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.template, err, c.want)
		}
		if err != nil && (result.Output != nil || result.Written != nil) {
			t.Errorf("%s: has an output", c.template)
		}
	}
	written := `{{ executeTemplate "T" | writeToFile "/f" "" "" "600" }}{{ define "T" }}{{ (secret "kv/app").Data.absent }}{{ end }}`
	_, err := parsed(t, text(written)).Execute(t.Context(), kv(map[string]any{"a": "b"}))
	if want := `test:1:93: executing <(secret "kv/app").Data.absent>: map has no entry for key "absent", or it is null`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDenylist(t *testing.T) {
	for _, c := range []struct {
		template, pattern string
		denied            bool
	}{
		{`{{ plugin "x" }}`, "plugin", true},
		{`{{ "x" | toUpper }}`, "to*", true},
		{`{{ sprig_upper "x" }}`, "sprig_*", true},
		{`{{ "x" | toUpper }}`, "sprig_*", false},
		{`{{ if false }}{{ secret "x" }}{{ end }}`, "secret", false},
		{`{{ print "x" }}`, "*", false},
		{`{{ secrets "x" }}`, "*", true},
	} {
		tmpl := parsed(t, Input{TemplateText: settings.TemplateText{Contents: c.template, FunctionDenylist: []string{"other", c.pattern}}})
		_, err := tmpl.Execute(t.Context(), &world{})
		if denied := err != nil && strings.HasSuffix(err.Error(), ": function is disabled"); denied != c.denied {
			t.Errorf("%s with %s denied: %v", c.template, c.pattern, err)
		}
	}
}

func TestDelimiters(t *testing.T) {
	for _, contents := range []string{`<< with secret "kv/app" >>{{ << .Data.a >> }}<< end >>`, `<< with secret "kv/app" >>{{ << .Data.a | toLower >> }}<< end >>`} {
		result := rendered(t, Input{TemplateText: settings.TemplateText{Contents: contents, LeftDelim: "<<", RightDelim: ">>"}}, kv(map[string]any{"a": "b"}))
		if got := string(result.Output); got != "{{ b }}" {
			t.Errorf("got %q", got)
		}
	}
}

func TestFile(t *testing.T) {
	inside, outside := t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(inside, "..data", "f"), filepath.Join(outside, "f")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(inside, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, sandbox, path, want string }{
		{"no sandbox", "", filepath.Join(outside, "f"), ""},
		{"inside", inside, filepath.Join(inside, "..data", "f"), ""},
		{"outside", inside, filepath.Join(outside, "f"), "is outside of sandbox"},
		{"dots", inside, inside + "/../" + filepath.Base(outside) + "/f", "outside of sandbox"},
		{"link to outside", inside, filepath.Join(inside, "link", "f"), "is outside of sandbox"},
		{"in the sandbox but missing", inside, filepath.Join(inside, "gone"), "no such file"},
		{"missing", "", filepath.Join(inside, "gone"), "does not exist"},
		{"blank", "", " ", "the path is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{files: map[string]string{c.path: "content\n"}}
			if strings.HasPrefix(c.name, "missing") {
				w.files = nil
			}
			in := Input{TemplateText: settings.TemplateText{Contents: `{{ file ` + strconv.Quote(c.path) + ` }}{{ file ` + strconv.Quote(c.path) + ` }}`}, SandboxPath: c.sandbox}
			result, err := parsed(t, in).Execute(t.Context(), w)
			if c.want == "" && (err != nil || string(result.Output) != "content\ncontent\n") {
				t.Errorf("output %q, error %v", []byte(result.Output), err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if path := strings.TrimSpace(c.path); path != "" && !slices.Equal(result.Inputs, []string{path}) {
				t.Errorf("inputs %q", result.Inputs)
			}
		})
	}
}

func TestPlugin(t *testing.T) {
	var got []string
	w := &world{plugins: map[string]func([]string) (string, error){"upper": func(args []string) (string, error) {
		got = args
		return " A \n", nil
	}}}
	result := rendered(t, text(`[{{ plugin "upper" " a\n" "" "b" }}]`), w)
	if string(result.Output) != "[A]" || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("output %q, arguments %q", []byte(result.Output), got)
	}
	if _, err := parsed(t, text(`{{ plugin "absent" }}`)).Execute(t.Context(), w); err == nil {
		t.Error("no error")
	}
}

func TestSpewPrintsNothing(t *testing.T) {
	real := os.Stdout
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = pipe
	result := rendered(t, text(with(`a{{ spew_dump .Data }}{{ spew_printf "%v" .Data }}b`)), kv(map[string]any{"a": "CANARY"}))
	os.Stdout = real
	pipe.Close()
	var printed bytes.Buffer
	if _, err := printed.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if printed.Len() > 0 || string(result.Output) != "ab" {
		t.Errorf("printed %q, output %q", &printed, []byte(result.Output))
	}
}

func TestConcurrentExecutions(t *testing.T) {
	w := kv(map[string]any{"m": map[string]any{"n": "0"}})
	one := func(tmpl *Template, want string) error {
		// The world counts what it is asked: each execution has its own.
		result, err := tmpl.Execute(t.Context(), &world{secrets: w.secrets})
		if err != nil || string(result.Output) != want {
			return fmt.Errorf("output %q, want %q, error %v", []byte(result.Output), want, err)
		}
		return nil
	}
	shared := parsed(t, text(with(`{{ $_ := sprig_set .Data.m "n" "s" }}{{ .Data.m.n }}`)))
	var group sync.WaitGroup
	for i := range 8 {
		contents := with(fmt.Sprintf(`{{ .Data.m.n }}%d`, i))
		if i%2 == 0 {
			contents = with(fmt.Sprintf(`{{ $_ := sprig_set .Data.m "n" "x" }}{{ .Data.m.n }}%d`, i))
		}
		tmpl := parsed(t, text(contents))
		want := string("0x"[(i+1)%2]) + strconv.Itoa(i)
		group.Go(func() {
			for range 20 {
				if err := one(tmpl, want); err != nil {
					t.Error(err)
				}
				if err := one(shared, "s"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
