// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/safefile"
	"github.com/certagent/certagent/settings"
)

const canary = "CANARY-"

// TestLoginRequests: what each method sends, and that it reads its file anew.
func TestLoginRequests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, test := range []struct {
		method Method
		file   string // the credential's
		key    string // where the request has it
		what   string
		body   map[string]string // what the request has besides
	}{
		{&AppRole{AppRole: settings.AppRole{RoleIDFile: path("role")}}, "role", "role_id", "PUT auth/approle/login", nil},
		{&AppRole{AppRole: settings.AppRole{RoleIDFile: path("role"), SecretIDFile: path("secret")}, MountPath: "auth/other/"}, "secret", "secret_id",
			"PUT auth/other/login", map[string]string{"role_id": "the role"}},
		{&JWT{JWT: settings.JWT{Path: path("jwt"), Role: "web"}}, "jwt", "jwt", "PUT auth/jwt/login", map[string]string{"role": "web"}},
		{&JWT{JWT: settings.JWT{Path: path("jwt"), Role: "web"}, MountPath: "auth/nomad"}, "jwt", "jwt", "PUT auth/nomad/login", nil},
		{&Kubernetes{Kubernetes: settings.Kubernetes{TokenPath: path("sa"), Role: "web"}}, "sa", "jwt", "PUT auth/kubernetes/login", map[string]string{"role": "web"}},
		{&Cert{Cert: settings.Cert{Name: "web"}}, "", "", "PUT auth/cert/login", map[string]string{"name": "web"}},
		{&Cert{MountPath: "auth/tls"}, "", "", "PUT auth/tls/login", nil},
	} {
		t.Run(test.what, func(t *testing.T) {
			write(t, path("role"), "the role")
			server := &fake{answer: func(call) reply { return granted("t", time.Hour, true) }}
			for _, credential := range []string{"one", "two"} {
				if test.file != "" {
					write(t, path(test.file), "\n "+credential+"\r\n")
				}
				secret, err := test.method.Login(t.Context(), server.client(t))
				if err != nil || secret.Auth.ClientToken != "t" {
					t.Fatalf("got %v, %v", secret, err)
				}
				last := server.seen("")[len(server.seen(""))-1]
				if last.what != test.what || last.token != "" {
					t.Errorf("asked %q with token %q, want %q with none", last.what, last.token, test.what)
				}
				if test.key != "" && last.body[test.key] != credential {
					t.Errorf("%s: sent %q, want %q", test.key, last.body[test.key], credential)
				}
				for key, want := range test.body {
					if last.body[key] != want {
						t.Errorf("%s: sent %q, want %q", key, last.body[key], want)
					}
				}
			}
		})
	}
}

func TestDefaultKubernetesTokenPath(t *testing.T) {
	t.Parallel()
	if got := (&Kubernetes{}).Inputs()[0]; got != "/var/run/secrets/kubernetes.io/serviceaccount/token" {
		t.Errorf("got %s", got)
	}
}

// TestRemoval: a credential's file goes after a login that succeeded, and not
// before; the next login uses what was read.
func TestRemoval(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(path string, remove bool) Method{
		"approle": func(path string, remove bool) Method {
			return &AppRole{AppRole: settings.AppRole{RoleIDFile: file(t, "role", "r"), SecretIDFile: path, RemoveSecretIDFile: remove}}
		},
		"jwt": func(path string, remove bool) Method {
			return &JWT{JWT: settings.JWT{Path: path, RemoveAfterReading: remove}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			kept, removed := file(t, "kept", canary), file(t, "removed", canary)
			status := 503
			server := &fake{answer: func(call) reply {
				if status != 0 {
					return refused(status, "Vault is sealed")
				}
				return granted("t", time.Hour, true)
			}}
			method := build(removed, true)
			if _, err := method.Login(t.Context(), server.client(t)); err == nil || !exists(removed) {
				t.Fatalf("a failed login: error %v, file there: %t", err, exists(removed))
			}
			status = 0
			for range 2 {
				if _, err := method.Login(t.Context(), server.client(t)); err != nil || exists(removed) {
					t.Fatalf("a login: error %v, file there: %t", err, exists(removed))
				}
			}
			if _, err := build(kept, false).Login(t.Context(), server.client(t)); err != nil || !exists(kept) {
				t.Errorf("without removal: error %v, file there: %t", err, exists(kept))
			}
		})
	}
}

// TestRemovalSparesANewCredential: somebody delivers a new secret id while the
// login with the old one is under way.
func TestRemovalSparesANewCredential(t *testing.T) {
	t.Parallel()
	path := file(t, "jwt", "old")
	server := &fake{answer: func(call) reply {
		write(t, path, "new")
		return granted("t", time.Hour, true)
	}}
	method := &JWT{JWT: settings.JWT{Path: path, RemoveAfterReading: true}}
	if _, err := method.Login(t.Context(), server.client(t)); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "new" {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestRemovalOfLinks(t *testing.T) {
	t.Parallel()
	for name, follow := range map[string]bool{"the link": false, "its target": true} {
		t.Run(name, func(t *testing.T) {
			target := file(t, "target", "jwt")
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			server := &fake{answer: func(call) reply { return granted("t", time.Hour, true) }}
			method := &JWT{JWT: settings.JWT{Path: link, RemoveAfterReading: true, RemoveFollowsSymlinks: follow}}
			if _, err := method.Login(t.Context(), server.client(t)); err != nil {
				t.Fatal(err)
			}
			if exists(link) != follow || exists(target) == follow {
				t.Errorf("link there: %t, target there: %t", exists(link), exists(target))
			}
		})
	}
}

func TestRemovalThatFailsIsLogged(t *testing.T) {
	t.Parallel()
	const path = "/proc/sys/kernel/ostype" // a regular file that not even root can remove
	for name, build := range map[string]func(*journal) Method{
		"secret_id": func(log *journal) Method {
			return &AppRole{AppRole: settings.AppRole{RoleIDFile: path, SecretIDFile: path, RemoveSecretIDFile: true}, Logger: log.logger()}
		},
		"JWT": func(log *journal) Method {
			return &JWT{JWT: settings.JWT{Path: path, RemoveAfterReading: true}, Logger: log.logger()}
		},
	} {
		var log journal
		server := &fake{answer: func(call) reply { return granted("t", time.Hour, true) }}
		if _, err := build(&log).Login(t.Context(), server.client(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := log.lines("level=WARN", "removing the "+name, path); len(got) != 1 {
			t.Errorf("%s: %d warnings, want 1", name, len(got))
		}
	}
}

func TestBadCredentialFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := &fake{answer: func(call) reply { return granted("t", time.Hour, true) }}
	big := write(t, filepath.Join(dir, "big"), strings.Repeat(canary, safefile.MaxCredential/len(canary)+1))
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"named pipe": {fifo, "is a named pipe, not a regular file"},
		"missing":    {filepath.Join(dir, "none"), "no such file"},
		"empty":      {write(t, filepath.Join(dir, "empty"), " \n"), "is empty"},
		"directory":  {dir, "is a directory, not a regular file"},
		"device":     {"/dev/zero", "is a device, not a regular file"},
		"large":      {big, "too large: the limit is 1 MiB"},
		"not a path": {filepath.Join(big, "x"), "not a directory"},
	} {
		for what, method := range map[string]Method{
			"role id":                         &AppRole{AppRole: settings.AppRole{RoleIDFile: test.path}},
			"secret id":                       &AppRole{AppRole: settings.AppRole{RoleIDFile: write(t, filepath.Join(dir, "role"), "r"), SecretIDFile: test.path}},
			"wrapping token of the secret id": &AppRole{AppRole: settings.AppRole{RoleIDFile: filepath.Join(dir, "role"), SecretIDFile: test.path, WrappingPath: "p"}},
			"JWT":                             &JWT{JWT: settings.JWT{Path: test.path}},
			"service account's token":         &Kubernetes{Kubernetes: settings.Kubernetes{TokenPath: test.path}},
			"token":                           &TokenFile{TokenFile: settings.TokenFile{Path: test.path}},
		} {
			_, err := method.Login(t.Context(), server.client(t))
			var failure *Failure
			if !errors.As(err, &failure) || failure.Kind != Credentials || failure.Hint == "" {
				t.Errorf("%s, %s: got %#v, want a failure of the credentials with a hint", name, what, err)
				continue
			}
			for _, want := range []string{"reading the " + what + ": ", test.path, test.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s, %s: got %q, want it to contain %q", name, what, err, want)
				}
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("%s, %s: the error shows the credential", name, what)
			}
		}
	}
	if len(server.seen("")) > 0 {
		t.Errorf("the server was asked: %v", server.seen(""))
	}
}

// A file that holds more than a token will not heal by itself, and is not sent.
func TestTokenFileWithMoreThanAToken(t *testing.T) {
	t.Parallel()
	server := &fake{answer: func(call) reply { return granted("t", time.Hour, true) }}
	for _, content := range []string{canary + "\nline", "token = " + canary, canary + "\x1b[2J" + canary, canary + "\x00"} {
		path := file(t, "token", content)
		for _, method := range []Method{
			&TokenFile{TokenFile: settings.TokenFile{Path: path}},
			&AppRole{AppRole: settings.AppRole{RoleIDFile: file(t, "role", "r"), SecretIDFile: path, WrappingPath: "p"}},
		} {
			_, err := method.Login(t.Context(), server.client(t))
			var failure *Failure
			if !errors.As(err, &failure) || failure.Kind != Credentials || failure.Hint == "" || strings.Contains(err.Error(), canary) {
				t.Errorf("%q, %s: got %#v, want a failure of the credentials with a hint", content, method.Name(), err)
			}
		}
	}
	if len(server.seen("")) > 0 {
		t.Errorf("the server was asked: %v", server.seen(""))
	}
}

// The hint is about what is wrong with the file.
func TestHintForACredentialFile(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c := credential{what: "secret id"}
	_, err := c.read(fifo)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Hint != "put a file there that holds nothing but the secret id" {
		t.Errorf("got %#v", err)
	}
}

// TestCredentialIsKeptWhileItsFileIsReplaced: a writer that does not rename
// empties the file first.
func TestCredentialIsKeptWhileItsFileIsReplaced(t *testing.T) {
	t.Parallel()
	path := file(t, "secret", "one")
	c := credential{what: "secret id"}
	for _, step := range []struct{ content, want string }{{"one", "one"}, {"", "one"}, {"two", "two"}} {
		write(t, path, step.content)
		if got, err := c.read(path); err != nil || string(got) != step.want {
			t.Errorf("%q: got %q, %v, want %q", step.content, string(got), err, step.want)
		}
	}
}

func TestTokenFile(t *testing.T) {
	t.Parallel()
	path := file(t, "token", "hvs.mine\n")
	server := &fake{answer: func(c call) reply {
		if c.token != "hvs.mine" {
			return refused(403, "permission denied")
		}
		// As through a proxy that keeps the id to itself.
		return reply{body: `{"data":{"accessor":"a","ttl":120,"renewable":true}}`}
	}}
	method := &TokenFile{TokenFile: settings.TokenFile{Path: path}}
	secret, err := method.Login(t.Context(), server.client(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := newToken(secret, false)
	if want := (Token{Value: "hvs.mine", Accessor: "a", LeaseDuration: 2 * time.Minute, Renewable: true}); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}

	write(t, path, "hvs.other")
	_, err = method.Login(t.Context(), server.client(t))
	var failure *Failure
	if !errors.As(err, &failure) || failure.Kind != Refused || !strings.Contains(failure.Hint, path) {
		t.Errorf("a revoked token: got %#v", err)
	}
	if strings.Contains(err.Error(), "hvs.") {
		t.Errorf("the error shows the token: %v", err)
	}
}
