// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

func TestTokenRevokedInMidFlight(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + eager + certificate(once, "") + password(""))
	p.Says(logmsg.AllPublished)
	p.Says(logmsg.TokenWritten)
	before := w.snapshot(published...)
	token := w.Read("token")
	w.Dev.RevokeToken(token)
	harness.Eventually(t, "another token", func() bool { return w.Read("token") != token })
	w.PutKV("app", map[string]any{"password": "two"})
	harness.Eventually(t, "the secrets are polled with it", func() bool { return w.Read("password") == "two" })
	p.stop()
	before.same()
	if n := w.Asked("", "/v1/auth/approle/login"); n != 2 {
		t.Errorf("%d logins, want the first and one more", n)
	}
	if n := w.Asked("", "/v1/pki/issue/"); n != 1 {
		t.Errorf("%d certificates were asked for, want 1: what is valid is kept", n)
	}
}

func TestSecretIDUsedUp(t *testing.T) {
	w := newWorld(t)
	w.role.Params = seed.Params{"token_policies": "agent", "token_ttl": "2s", "token_max_ttl": "2s", "secret_id_num_uses": 1}
	credentials, err := w.role.Apply(t.Context(), w.Client)
	w.Check(err)
	w.Write("secretid", string(credentials.SecretID))
	p := w.start(login + certificate(once, ""))
	p.Says(logmsg.AllPublished)
	before := w.snapshot(published...)
	p.Says(logmsg.LoginFailed + `.*invalid role or secret ID.* hint="the secret id may be used up or expired: deliver a new one in`)
	before.same()
	p.Alive()

	fresh, err := w.role.SecretID(t.Context(), w.Client, nil)
	w.Check(err)
	w.Write("secretid", string(fresh))
	p.SaysTimes(logmsg.LoggedIn+` method`, 2)
	p.stop()
	before.same()
}

func TestCredentialFiles(t *testing.T) {
	for _, c := range []struct {
		name, file string
		spoil      func(path string) error
		want       string
	}{
		{"no role id", "roleid", os.Remove, `reading the role id: .*/roleid: no such file or directory.* hint="put the role id into this file"`},
		{"empty role id", "roleid", func(path string) error { return os.WriteFile(path, []byte("\n"), 0o600) }, `reading the role id: .*/roleid is empty`},
		{"no secret id", "secretid", os.Remove, `reading the secret id: .*/secretid: no such file or directory.* hint="put the secret id into this file"`},
		{"empty secret id", "secretid", func(path string) error { return os.WriteFile(path, nil, 0o600) }, `reading the secret id: .*/secretid is empty`},
		{"unreadable secret id", "secretid", func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}, `reading the secret id: .*/secretid: is a directory, not a regular file`},
		{"another secret id", "secretid", func(path string) error { return os.WriteFile(path, []byte("11111111-2222"), 0o600) }, `invalid role or secret ID.* hint="check the role id in \S*/roleid; the secret id in \S*/secretid may be that of another role, used up or expired`},
		{"another role id", "roleid", func(path string) error { return os.WriteFile(path, []byte("11111111-2222"), 0o600) }, `invalid role or secret ID.* hint="check the role id in \S*/roleid; the secret id in`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			good := w.Read(c.file)
			w.Check(c.spoil(w.Path(c.file)))
			p := w.start(login + certificate(once, ""))
			p.Says(logmsg.LoginFailed + `.*` + c.want)
			p.Alive()
			w.Check(os.RemoveAll(w.Path(c.file)))
			w.Write(c.file, good)
			p.Says(logmsg.AllPublished)
			p.stop()
			w.leaf()
		})
	}
}

func TestExitOnErr(t *testing.T) {
	w := newWorld(t)
	w.Dev.Seal()
	p := w.start(strings.Replace(login, "min_backoff", "exit_on_err = true\n    min_backoff", 1) + certificate(once, ""))
	p.Says(logmsg.ExitingOnError + ` error="logging in by approle: .*Vault is sealed`)
	p.Ends(4)
	p.leavesNothing()
}

// What removes the secret id says so, and what needs it afterwards says what happened.
func TestSecretIDIsRemoved(t *testing.T) {
	w := newWorld(t)
	text := strings.Replace(login, "remove_secret_id_file_after_reading = false", "", 1) + password("")
	p := w.start(text)
	p.Says(logmsg.SecretIDRemoved + ` path=\S*/secretid hint="remove_secret_id_file_after_reading = false keeps it"`)
	p.Says(logmsg.AllPublished)
	p.stop()
	p = w.start(text)
	p.Says(logmsg.LoginFailed + `.*secretid: no such file or directory.*hint="certagent removes this file after reading it \(remove_secret_id_file_after_reading\): deliver a new secret id, or set it to false"`)
	p.stop()
}

// The first line says where Vault's address comes from.
func TestAddressIsFrom(t *testing.T) {
	for name, c := range map[string]struct {
		env, flags []string
		block      string
		want       string
	}{
		"file":     {block: `vault { address = "http://127.0.0.1:1" }`, want: `address=http://127.0.0.1:1 from=vault.address`},
		"variable": {env: []string{"VAULT_ADDR=http://127.0.0.1:2"}, block: `vault { address = "http://127.0.0.1:1" }`, want: `address=http://127.0.0.1:2 from=VAULT_ADDR`},
		"flag":     {env: []string{"VAULT_ADDR=http://127.0.0.1:2"}, flags: []string{"-address=http://127.0.0.1:3"}, want: `address=http://127.0.0.1:3 from=-address`},
		"nothing":  {want: `address=https://127.0.0.1:8200 from=default`},
		"emptied":  {env: []string{"VAULT_ADDR="}, block: `vault { address = "http://127.0.0.1:1" }`, want: `address=https://127.0.0.1:8200 from=default`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.startEnv(c.env, c.block+strings.Replace(login, `vault { address = "ADDRESS" }`, "", 1)+password(""), c.flags...)
			p.Says(logmsg.Starting + `.*` + c.want)
			p.stop()
		})
	}
}
