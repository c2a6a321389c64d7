// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/settings"
	"github.com/certagent/certagent/vaultreq"
)

// world is a Source that knows what a test tells it.
type world struct {
	secrets map[vaultreq.Request]*api.Secret
	files   map[string]string
	plugins map[string]func(args []string) (string, error)
	asked   []vaultreq.Request // every call of Secret
}

func (w *world) Secret(r vaultreq.Request) (*api.Secret, bool) {
	w.asked = append(w.asked, r)
	s, ok := w.secrets[r]
	return s, ok
}

func (w *world) File(path string) (string, error) {
	if content, ok := w.files[path]; ok {
		return content, nil
	}
	return "", &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func (w *world) Plugin(name string, args []string) (string, error) {
	if run, ok := w.plugins[name]; ok {
		return run(args)
	}
	return "", fmt.Errorf("no plugin %s", name)
}

// kv is a world with one secret at "kv/app".
func kv(data map[string]any) *world {
	return &world{secrets: map[vaultreq.Request]*api.Secret{read("kv/app"): {Data: data}}}
}

func read(path string) vaultreq.Request { return vaultreq.Request{Kind: vaultreq.Read, Path: path} }

func write(kind vaultreq.Kind, path string, params map[string]string) vaultreq.Request {
	encoded, err := json.Marshal(params)
	if err != nil {
		panic(err)
	}
	return vaultreq.Request{Kind: kind, Path: path, Params: redact.Secret(encoded)}
}

// parsed parses a template with default settings, which must succeed.
func parsed(t testing.TB, in Input) *Template {
	t.Helper()
	if in.Name == "" {
		in.Name = "test"
	}
	tmpl, err := Parse(in)
	if err != nil {
		t.Fatalf("Parse(%q): %v", in.Contents, err)
	}
	return tmpl
}

// rendered executes a template, which must succeed.
func rendered(t testing.TB, in Input, w *world) Result {
	t.Helper()
	result, err := parsed(t, in).Execute(t.Context(), w)
	if err != nil {
		t.Fatalf("Execute(%q): %v", in.Contents, err)
	}
	return result
}

// text returns a template that is all defaults but for its text.
func text(contents string) Input {
	return Input{TemplateText: settings.TemplateText{Contents: contents}}
}
