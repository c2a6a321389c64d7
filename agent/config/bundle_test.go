// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/settings"
	"github.com/certagent/certagent/timewindow"
)

const aCertificate = `
certificate {
  role        = "pki/web"
  common_name = "example.test"
  files       = { cert = "tls.crt", key = "tls.key" }
}
`

// inBundle returns a configuration with a bundle in a directory that has these
// keys and blocks.
func inBundle(keys string) string {
	return login + "bundle \"web\" {\n directory = \"/etc/tls\"\n" + keys + "\n}\n"
}

// defaultCertificate returns the value of aCertificate in a bundle without keys
// of its own.
func defaultCertificate() *config.Certificate {
	return &config.Certificate{
		Spec: certspec.Spec{Role: "pki/web", CommonName: "example.test", Key: certspec.KeySpec{Type: "ec", Bits: 256, ByRole: true}},
		Files: []config.File{
			{Output: certspec.Output{Kind: certspec.Cert}, Destination: "tls.crt", Perms: 0o644},
			{Output: certspec.Output{Kind: certspec.Key, Form: certspec.PKCS8}, Destination: "tls.key", Perms: 0o600},
		},
	}
}

// defaultBundle returns the value of a bundle that contains only aCertificate.
func defaultBundle() config.Bundle {
	return config.Bundle{
		Name: "web", Directory: "/etc/tls", DirectoryPerms: 0o750,
		Members:          []config.Member{{Certificate: defaultCertificate()}},
		Change:           config.Change{Timeout: 30 * time.Second, KillTimeout: 30 * time.Second},
		Debounce:         time.Second,
		MaxIssuesPerHour: 10,
	}
}

func TestBundle(t *testing.T) {
	t.Parallel()
	verify := func(change func(*config.Verify)) func(*config.Bundle) {
		v := &config.Verify{Addresses: []string{"127.0.0.1:8443"}, Timeout: 10 * time.Second}
		change(v)
		return func(b *config.Bundle) { b.Verify = v }
	}
	tests := map[string]struct {
		keys string
		want func(*config.Bundle)
	}{
		"defaults":          {``, func(*config.Bundle) {}},
		"renewal":           {`renew_before = "2d"`, func(b *config.Bundle) { b.Members[0].Certificate.Renew.Before = 48 * time.Hour }},
		"renewal by a part": {`renew_at = 0.5`, func(b *config.Bundle) { b.Members[0].Certificate.Renew.At = 0.5 }},
		"window":            {`window = " 02:00-05:00 "`, func(b *config.Bundle) { b.Window, _ = timewindow.Parse("02:00-05:00", time.LoadLocation) }},
		"pace": {"command = [\"reload\"]\n debounce = \"0s\"\n min_interval = \"1m\"\n splay = \"5s\"\n max_issues_per_hour = 3", func(b *config.Bundle) {
			runs("reload")(&b.Change)
			b.Change.Splay = 5 * time.Second
			b.Debounce, b.MinInterval, b.MaxIssuesPerHour = 0, time.Minute, 3
		}},
		"signal": {"change_mode = \"signal\"\n change_signal = \"SIGUSR2\"\n pid_file = \"/run/p\"", func(b *config.Bundle) {
			b.Change.Mode, b.Change.Signal, b.Change.PIDFile = config.Signal, syscall.SIGUSR2, "/run/p"
		}},
		"script": {"change_mode = \"script\"\n change_script {\n command = \"/a\"\n timeout = \"9s\"\n }", func(b *config.Bundle) {
			runs("/a")(&b.Change)
			b.Change.Timeout = 9 * time.Second
		}},
		"exec": {"exec {\n command = [\"a\"]\n timeout = \"9s\"\n }", func(b *config.Bundle) {
			runs("a")(&b.Change)
			b.Change.Timeout = 9 * time.Second
		}},
		"check": {`check { command = ["nginx", "-t"] }`, func(b *config.Bundle) {
			b.Check = &config.Check{Command: []string{"nginx", "-t"}, Timeout: 30 * time.Second}
		}},
		"check in a shell": {"check {\n command = \"nginx -t\"\n timeout = \"5s\"\n }", func(b *config.Bundle) {
			b.Check = &config.Check{Command: []string{"sh", "-c", "nginx -t"}, Timeout: 5 * time.Second}
		}},
		"verify": {`verify { address = "127.0.0.1:8443" }`, verify(func(*config.Verify) {})},
		"verify, all": {`verify {
			address        = ["[::1]:5432", "unix:/run/s"]
			server_name    = "example.test"
			starttls       = "postgres"
			proxy_protocol = 2
			client_cert    = "/c"
			client_key     = "/k"
			timeout        = "1m"
			fallback {
				change_mode = "command"
				command     = ["restart"]
			}
		}`, verify(func(v *config.Verify) {
			fallback := config.Change{Timeout: 30 * time.Second, KillTimeout: 30 * time.Second}
			runs("restart")(&fallback)
			*v = config.Verify{Addresses: []string{"[::1]:5432", "unix:/run/s"}, ServerName: "example.test",
				StartTLS: "postgres", ProxyProtocol: 2, ClientCert: "/c", ClientKey: "/k", Timeout: time.Minute, Fallback: &fallback}
		})},
		"owner": {"user = \"root\"\n group = \"101\"", func(b *config.Bundle) {
			b.User, b.Group = "root", "101"
			b.Members[0].Certificate.User, b.Members[0].Certificate.Group = "root", "101"
		}},
		"one mode": {`perms = "0640"`, func(b *config.Bundle) {
			b.Members[0].Certificate.Files[0].Perms, b.Members[0].Certificate.Files[1].Perms = 0o640, 0o640
		}},
		"no mode": {`perms = 0`, func(*config.Bundle) {}},
		"modes": {`perms = { directory = "0755", key = 0440, other = "0444" }`, func(b *config.Bundle) {
			b.DirectoryPerms = 0o755
			b.Members[0].Certificate.Files[0].Perms, b.Members[0].Certificate.Files[1].Perms = 0o444, 0o440
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, inBundle(aCertificate+test.keys), config.Overrides{})
			want := defaultBundle()
			test.want(&want)
			if diff := cmp.Diff([]config.Bundle{want}, c.Bundles, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Members inherit the settings of the bundle, unless they have their own.
func TestMembers(t *testing.T) {
	t.Parallel()
	c := load(t, inBundle(`
user         = "root"
perms        = { key = "0640", other = "0444" }
renew_before = "24h"
template {
  contents    = "x"
  destination = "conf/./first.conf"
}
certificate {
  role         = "a/b/c"
  alt_names    = ["a.test"]
  files        = { combined = "a.pem" }
  user         = "app"
  group        = "app"
  perms        = "0400"
  renew_at     = 0.8
}
template {
  contents    = "y"
  destination = "second.conf"
  uid         = 5
  perms       = "0600"
}
`+aCertificate), config.Overrides{})
	last := defaultCertificate()
	last.User, last.Renew.Before = "root", 24*time.Hour
	last.Files[0].Perms, last.Files[1].Perms = 0o444, 0o640
	want := []config.Member{
		{Template: &config.Template{Text: config.Text{TemplateText: settings.TemplateText{Contents: "x"}, ErrorFatal: true}, Destination: "conf/first.conf",
			CreateDestDirs: true, User: "root", Perms: 0o444, PermsSet: true}},
		{Certificate: &config.Certificate{Spec: certspec.Spec{Role: "a/b/c", AltNames: []string{"a.test"}, Key: certspec.KeySpec{Type: "ec", Bits: 256, ByRole: true}},
			Files: []config.File{{Output: certspec.Output{Kind: certspec.Combined, Form: certspec.PKCS8}, Destination: "a.pem", Perms: 0o400}},
			User:  "app", Group: "app", Renew: certspec.Renew{At: 0.8}}},
		{Template: &config.Template{Text: config.Text{TemplateText: settings.TemplateText{Contents: "y"}, ErrorFatal: true}, Destination: "second.conf",
			CreateDestDirs: true, User: "5", Perms: 0o600, PermsSet: true}},
		{Certificate: last},
	}
	if diff := cmp.Diff(want, c.Bundles[0].Members, noPos); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, m := range c.Bundles[0].Members {
		if i > 0 && m.Pos().Line <= c.Bundles[0].Members[i-1].Pos().Line {
			t.Errorf("member %d is at %v", i, m.Pos())
		}
	}
}

// Without a directory, destinations are absolute, and other bundles may write
// in the same directories.
func TestBundleOfFiles(t *testing.T) {
	t.Parallel()
	absolute := strings.ReplaceAll(aCertificate, `"tls.`, `"/etc/tls/tls.`)
	c := load(t, login+"bundle \"web\" {\n"+absolute+"}\n"+strings.ReplaceAll(aTemplate, "/run/x", "/etc/tls/x"), config.Overrides{})
	b := c.Bundles[0]
	if file := b.Members[0].Certificate.Files[1]; b.Directory != "" || b.Path(file.Destination) != "/etc/tls/tls.key" {
		t.Errorf("got %+v", file)
	}
}

func TestBundlePath(t *testing.T) {
	t.Parallel()
	b := config.Bundle{Directory: "/etc/tls"}
	if got := b.Path("a/tls.key"); got != "/etc/tls/a/tls.key" {
		t.Errorf("got %q", got)
	}
}

// Bundles with directories side by side do not conflict, nor does a template
// beside the files of a bundle.
func TestBundlesSideBySide(t *testing.T) {
	t.Parallel()
	c := load(t, login+`
bundle "a" {
  directory = "/etc/tls/a"
`+aCertificate+`
}
bundle "b" {
  directory = "/etc/tls"
`+strings.ReplaceAll(aCertificate, `"tls.`, `"b/tls.`)+`
}
template {
  contents    = "x"
  destination = "/etc/tls/dh.pem"
}
`, config.Overrides{})
	if len(c.Bundles) != 2 {
		t.Errorf("%d bundles", len(c.Bundles))
	}
}

// A bundle is enough to need a login, and to run a child.
func TestBundleAlone(t *testing.T) {
	t.Parallel()
	c := load(t, inBundle(aCertificate+`change_mode = "restart"`)+"exec {\n command = [\"app\"]\n}\n", config.Overrides{})
	if c.Bundles[0].Change.Mode != config.Restart {
		t.Errorf("got %v", c.Bundles[0].Change.Mode)
	}
	errs := errorsOf(t, strings.Replace(inBundle(aCertificate), "config =", "wrap_ttl = \"5m\"\n config =", 1))
	if !strings.Contains(errs.Error(), "templates cannot use a wrapped token") {
		t.Errorf("a wrapped login: got %v", errs)
	}
}

// Bundles of several files add up and are checked against each other.
func TestBundlesOfSeveralFiles(t *testing.T) {
	t.Parallel()
	other := strings.NewReplacer(`"web"`, `"other"`, "/etc/tls", "/etc/other", login, "").Replace(inBundle(aCertificate))
	c := loadDir(t, map[string]string{"a.hcl": inBundle(aCertificate), "b.hcl": other}, config.Overrides{})
	if len(c.Bundles) != 2 || c.Bundles[0].Name != "web" || c.Bundles[1].Name != "other" {
		t.Errorf("got %+v", c.Bundles)
	}
	same := strings.ReplaceAll(other, `"other"`, `"web"`)
	_, problems := config.Load([]string{write(t, map[string]string{"a.hcl": inBundle(aCertificate), "b.hcl": same})}, config.Overrides{LookupEnv: noEnv})
	errs := problems.Errors()
	if len(errs) != 1 || filepath.Base(errs[0].Pos.File) != "b.hcl" || !strings.Contains(errs[0].Message, "a.hcl:") {
		t.Errorf("got %v", errs)
	}
}

func TestBundlesInJSON(t *testing.T) {
	t.Parallel()
	const auth = `"auto_auth": {"method": {"token_file": {"config": {"token_file_path": "/run/token"}}}}`
	const web = `{"directory": "/etc/tls", "certificate":
		{"role": "pki/web", "common_name": "example.test", "files": {"cert": "tls.crt", "key": "tls.key"}}}`
	for name, bundle := range map[string]string{
		"object":          `{"web": ` + web + `}`,
		"list":            `[{"web": ` + web + `}]`,
		"list in a label": `{"web": [` + web + `]}`,
	} {
		c := loadDir(t, map[string]string{"a.json": "{" + auth + `, "bundle": ` + bundle + "}"}, config.Overrides{})
		if diff := cmp.Diff([]config.Bundle{defaultBundle()}, c.Bundles, noPos); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for window, want := range map[string]string{
		"22:00-04:00": "22:00-04:00 Local", "00:00-24:00": "00:00-24:00 Local", "02:00-05:00 UTC": "02:00-05:00 UTC",
		"02:00-05:00  +02:00": "02:00-05:00 +02:00", "02:00-05:00 Local": "02:00-05:00 Local",
		"": "", "02:00": "", "25:00-26:00": "", "24:00-01:00": "", "02:60-03:00": "", "02:00 - 05:00": "", "02:00-05:00,": "",
		"02:00-02:00": "", "02:00-05:00 Mars": "", "02:00-05:00 ../etc/passwd": "", "02:00-05:00 +2": "",
	} {
		c, problems := config.Load([]string{filepath.Join(write(t, map[string]string{
			"a.hcl": inBundle(aCertificate + "window = \"" + window + "\""),
		}), "a.hcl")}, config.Overrides{LookupEnv: noEnv})
		switch {
		case want == "" && (len(problems) != 1 || problems[0].Name != "window" || problems[0].Pos.Line == 0):
			t.Errorf("%q: got %v", window, problems)
		case want != "" && (c == nil || c.Bundles[0].Window.String() != want):
			t.Errorf("%q: got %+v, %v", window, c, problems)
		}
	}
}
