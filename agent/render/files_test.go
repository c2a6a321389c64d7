// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	consultemplate "github.com/hashicorp/consul-template/template"
)

func TestWriteToFile(t *testing.T) {
	for _, c := range []struct {
		name, template string
		want           []Written
	}{
		{"plain", `{{ "x" | writeToFile "/d/f" "root" "0" "0640" }}`, []Written{{"/d/f", "root", "0", 0o640, []byte("x")}}},
		{"perms without zero", `{{ "x" | writeToFile "/f" "" "" "600" }}`, []Written{{"/f", "", "", 0o600, []byte("x")}}},
		{"only permission bits", `{{ "x" | writeToFile "/f" "" "" "4755" }}`, []Written{{"/f", "", "", 0o755, []byte("x")}}},
		{"empty", `{{ "" | writeToFile "/f" "" "" "600" }}`, []Written{{"/f", "", "", 0o600, []byte("")}}},
		{"newline", `{{ "x" | writeToFile "/f" "" "" "600" "newline" }}`, []Written{{"/f", "", "", 0o600, []byte("x\n")}}},
		{"append", `{{ range loop 3 }}{{ . | print | writeToFile "/f" "" "" "600" "append,newline" }}{{ end }}`,
			[]Written{{"/f", "", "", 0o600, []byte("0\n1\n2\n")}}},
		{"replace, then append", `{{ "x" | writeToFile "/f" "" "" "600" }}{{ "y" | writeToFile "/./f" "u" "g" "640" }}{{ "z" | writeToFile "/f" "u" "g" "644" "append" }}`,
			[]Written{{"/f", "u", "g", 0o644, []byte("yz")}}},
		{"several, in order of first use", `{{ "x" | writeToFile "/b" "" "" "600" }}{{ "y" | writeToFile "/a" "" "" "600" }}{{ "z" | writeToFile "/b" "" "" "600" }}`,
			[]Written{{"/b", "", "", 0o600, []byte("z")}, {"/a", "", "", 0o600, []byte("y")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			result := rendered(t, text("a"+c.template+"b"), &world{})
			if diff := cmp.Diff(c.want, result.Written); diff != "" || string(result.Output) != "ab" {
				t.Errorf("output %q\n%s", []byte(result.Output), diff)
			}
		})
	}
}

func TestWriteToFileRefuses(t *testing.T) {
	for template, want := range map[string]string{
		`{{ writeToFile "/f" "" "" "600" }}`:             "wrong number of arguments, expected 5 or 6, but got 4",
		`{{ writeToFile "/f" "" "" "600" "a" "b" "c" }}`: "expected 5 or 6, but got 7",
		`{{ writeToFile "" "" "" "600" "x" }}`:           "the path is empty",
		`{{ writeToFile "/f" "" "" "rw-" "x" }}`:         `perms "rw-" is not an octal number`,
		`{{ writeToFile "/f" "" "" "888" "x" }}`:         `perms "888" is not an octal number`,
	} {
		if _, err := parsed(t, text(template)).Execute(t.Context(), &world{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", template, err, want)
		}
	}
}

// What consul-template finds on disk after one execution is what is recorded.
func TestWriteToFileAgreesWithConsulTemplate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "f")
	for _, template := range []string{
		`{{ "x" | writeToFile "PATH" "" "" "0640" "newline" }}`,
		`{{ "x" | writeToFile "PATH" "" "" "600" }}{{ "y" | writeToFile "PATH" "" "" "644" "append,newline" }}`,
		`{{ "x" | writeToFile "PATH" "" "" "600" "append" }}{{ "y" | writeToFile "PATH" "" "" "4750" "other" }}`,
	} {
		contents := strings.ReplaceAll(template, "PATH", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		theirs, err := consultemplate.NewTemplate(&consultemplate.NewTemplateInput{Contents: contents})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Execute(&consultemplate.ExecuteInput{Brain: consultemplate.NewBrain()}); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		want := []Written{{Path: path, Perms: info.Mode(), Content: content}}
		result := rendered(t, text(contents), &world{})
		if diff := cmp.Diff(want, result.Written); diff != "" {
			t.Errorf("%s\n%s", template, diff)
		}
		if _, err := os.Stat(filepath.Dir(path)); err == nil {
			t.Error("something was written")
		}
	}
}
