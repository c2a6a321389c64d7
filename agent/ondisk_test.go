// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/logmsg"
)

// missing is what is missing on disk of what a configuration names, with DIR for
// the world's directory.
func (w *world) missing(text string, now time.Time) string {
	w.Helper()
	disk, err := bundle.OnDisk(w.load(text))
	if err != nil {
		w.Fatal(err)
	}
	missing, _ := disk.Missing(now)
	return strings.ReplaceAll(strings.Join(missing, "\n"), w.Path(""), "DIR")
}

func TestMissingOnDisk(t *testing.T) {
	w := newWorld(t)
	w.PutKV("app", map[string]any{"password": "one"})
	w.PutKV("store", map[string]any{"password": "changeit"})
	w.Write("storepass", "changeit\n")
	text := loginBlocks + webBundle("", "") + threeTemplates("", "") + `
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/password"
}
bundle "java" {
  directory = "DIR/java"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { jks = "web.jks", truststore = "trust.jks", key = "web.key" }
    password    = { file = "DIR/storepass" }
  }
}
bundle "old" {
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { pkcs12 = "DIR/old.p12" }
    password    = { secret = "secret/data/store#password" }
  }
}`
	now := time.Now()
	if got := w.missing(text, now); strings.Count(got, ": no such file or directory") != 13 || strings.Count(got, "\n") != 12 {
		t.Errorf("before anything is there:\n%s", got)
	}
	r := w.start(text)
	r.Says(logmsg.AllPublished)
	r.end()
	if got := w.missing(text, now); got != "" {
		t.Fatalf("with everything there:\n%s", got)
	}

	other := w.put("pki/issue/web", "common_name=other.test").Data
	for _, c := range []struct {
		name  string
		spoil func() (file, content string) // "" removes it
		want  string
	}{
		{"no file", func() (string, string) { return "tls.crt", "" }, "DIR/tls.crt: no such file or directory"},
		{"an empty one", func() (string, string) { return "password", "\n" }, "DIR/password: it is empty"},
		{"a key that does not fit", func() (string, string) { return "tls.key", other["private_key"].(string) },
			"DIR/ca.crt: the private key in DIR/tls.key does not match the certificate "},
		{"a certificate that does not fit", func() (string, string) { return "tls/..data/tls.crt", other["certificate"].(string) },
			"DIR/tls/tls.key: the private key does not match the certificate in DIR/tls/tls.crt"},
		{"not what it is to be", func() (string, string) { return "tls/..data/tls.crt", "hello" },
			"DIR/tls/tls.crt: reading the file cert: "},
		{"a broken keystore", func() (string, string) { return "java/..data/web.jks", "hello" },
			"DIR/java/web.jks: reading the file jks: "},
		{"a broken truststore", func() (string, string) { return "java/..data/trust.jks", "hello" },
			"DIR/java/trust.jks: reading the file truststore: "},
		{"a key that does not fit the keystore", func() (string, string) { return "java/..data/web.key", other["private_key"].(string) },
			"DIR/java/web.key: the private key does not match the certificate in DIR/java/web.jks"},
		{"another password", func() (string, string) { return "storepass", "other" },
			"DIR/java/web.jks: reading the file jks: "},
		{"no password", func() (string, string) { return "storepass", "" }, ""},
		{"a keystore that only Vault can open", func() (string, string) { return "old.p12", "hello" }, ""},
		{"an empty one of these", func() (string, string) { return "old.p12", " " }, "DIR/old.p12: it is empty"},
	} {
		file, content := c.spoil()
		good := w.Read(file)
		if good == "" {
			t.Fatalf("%s: there is no %s", c.name, file)
		}
		if content == "" {
			if err := os.Remove(w.Path(file)); err != nil {
				t.Fatal(err)
			}
		} else {
			w.Write(file, content)
		}
		got := w.missing(text, now)
		if first, _, _ := strings.Cut(got, "\n"); !strings.HasPrefix(first, c.want) || c.want == "" && got != "" {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, got, c.want)
		}
		w.Write(file, good)
	}

	got := w.missing(text, now.Add(25*time.Hour))
	for _, want := range []string{"DIR/ca.crt: the certificate ", "web: the certificate ", "java: the certificate "} {
		if !strings.Contains("\n"+got, "\n"+want) || !strings.Contains(got, " expired at ") {
			t.Errorf("a day later %q is missing:\n%s", want, got)
		}
	}
	if got := w.missing(text, now.Add(-time.Hour)); !strings.Contains(got, "is not valid before") {
		t.Errorf("an hour earlier:\n%s", got)
	}
}

// Templates whose text is wrong are files all the same, and variables are none.
func TestMissingOnDiskOfOddTemplates(t *testing.T) {
	w := newWorld(t)
	const text = loginBlocks + `
template {
  contents    = "{{ with"
  destination = "DIR/unclosed"
}
template {
  source      = "DIR/nowhere.tpl"
  destination = "DIR/sourceless"
}
env_template "VARIABLE" {
  contents = "x"
}
exec { command = ["true"] }`
	const want = "DIR/unclosed: no such file or directory\nDIR/sourceless: no such file or directory"
	if got := w.missing(text, time.Now()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := w.missing(loginBlocks+`
env_template "VARIABLE" {
  contents = "x"
}
exec { command = ["true"] }`, time.Now()); got != "" {
		t.Errorf("nothing but variables: %q", got)
	}
}
