// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		argv []string
		want string
	}{
		{[]string{"nginx", "-s", "reload"}, "nginx -s reload"},
		{[]string{"/usr/sbin/nginx", "-t", "-q"}, "/usr/sbin/nginx -t -q"},
		{[]string{"sh", "-c", "nginx -t && nginx -s reload"}, "nginx -t && nginx -s reload"},
		{[]string{"/bin/bash", "-c", "touch\n\treloaded"}, "touch reloaded"},
		{[]string{"nginx", "-p", ".", "-c", "nginx.conf", "-t"}, "nginx -p . -c nginx.conf -t"},
		{[]string{"mkdir", "-p", "/run/web"}, "mkdir -p …"},
		{[]string{"sh", "reload.sh"}, "sh reload.sh"},
		{[]string{"sh", "-c"}, "sh -c"},
		{[]string{"systemctl", "try-reload-or-restart", "nginx.service"}, "systemctl try-reload-or-restart nginx.service"},
		{[]string{"two words"}, "…"},
		{[]string{"nginx", "-g", "daemon off;"}, "nginx -g …"},
		{[]string{"echo", ""}, "echo …"},
		{[]string{"echo", "\x1b[2J"}, "echo …"},
		{nil, ""},
	} {
		if got := CommandLine(c.argv); got != c.want {
			t.Errorf("%q: %q, want %q", c.argv, got, c.want)
		}
	}
}

// The secrets of no client are shown.
func TestCommandLineHidesSecrets(t *testing.T) {
	const secret = "hunter2"
	for _, argv := range [][]string{
		{"mysql", "-phunter2", "-e", "ALTER INSTANCE RELOAD TLS"},
		{"mysql", "--password=hunter2"},
		{"mysqladmin", "-u", "hunter2", "-p", "hunter2", "flush-tls"},
		{"curl", "-u", "hunter2", "http://localhost/reload"},
		{"curl", "-u:hunter2", "localhost"},
		{"curl", "-H", "hunter2", "localhost"},
		{"curl", "http://admin:hunter2@localhost/reload"},
		{"tool", "--token", "hunter2"},
		{"tool", "--admin-password", "hunter2"},
		{"env", "SECRET=hunter2", "reload"},
		{"openssl", "pkcs12", "-passin", "pass:hunter2"},
		{"redis-cli", "-a", "hunter2", "CONFIG"},
		{"sh", "-c", "PGPASSWORD=hunter2 psql -c 'select pg_reload_conf()'"},
		{"sh", "-c", `curl -d "hunter2" localhost`},
		{"sh", "-c", "reload", "hunter2"},
		{"sh", "-c", "reload $1", "hunter2"},
	} {
		if got := CommandLine(argv); strings.Contains(got, secret) {
			t.Errorf("%q: %q", argv, got)
		}
	}
}
