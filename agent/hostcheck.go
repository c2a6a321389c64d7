// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/safefile"
)

// resolveTimeout limits the look-up of one address.
const resolveTimeout = 2 * time.Second

// CheckHost checks whether this host has what the configuration refers to. Run does
// not start on an error: the agent could never do its work. What may come later is a
// warning. It sends no request to Vault, and leaves no file behind.
func CheckHost(cfg *config.Config) config.Problems {
	return checkHost(cfg, bundle.NewMembers(cfg, 0))
}

// checkHost is CheckHost with the configuration's members.
func checkHost(cfg *config.Config, members *bundle.Members) config.Problems {
	found := checkClients(cfg)
	found = append(found, checkCredentials(cfg.AutoAuth.Method)...)
	found = append(found, members.CheckHost(cfg.AutoAuth.Sinks)...)
	for _, e := range cfg.Execs {
		title := "exec"
		if e.Name != "" {
			title += " " + strconv.Quote(e.Name)
		}
		if err := exec.LookUp(e.Command); err != nil {
			found = append(found, config.Problem{Kind: config.Warning, Pos: e.Pos, Block: title, Name: "command", Message: err.Error(), Hint: bundle.CommandHint})
		}
		found = append(found, checkAppend(e.Pos, title, "child_process_stdout", e.Stdout)...)
		found = append(found, checkAppend(e.Pos, title, "child_process_stderr", e.Stderr)...)
	}
	found = append(found, checkAppend(config.Pos{}, "", "pid_file", cfg.PIDFile)...)
	return append(found, checkAppend(config.Pos{}, "", "log_file", cfg.Log.File)...)
}

// checkClients reports what keeps the agent from connecting: an address that cannot
// be parsed, and files of certificates that cannot be used.
func checkClients(cfg *config.Config) config.Problems {
	a := &Agent{Config: cfg}
	m := cfg.AutoAuth.Method
	if _, err := client.New(a.clientConfig()); err != nil {
		return config.Problems{{Kind: config.StartError, Pos: cfg.Vault.Pos, Block: "vault", Message: err.Error(), Hint: "check the file and its permissions"}}
	}
	if _, err := newLoginClient(a.clientConfig(), m); err != nil {
		return config.Problems{{Kind: config.StartError, Pos: m.Pos, Block: "auto_auth: method " + strconv.Quote(m.Type), Message: err.Error(), Hint: "check the file and its permissions"}}
	}
	return nil
}

// checkCredentials reports credentials that are not there yet: the login waits for
// them.
func checkCredentials(m config.Method) (found config.Problems) {
	files := map[string]string{}
	switch {
	case m.AppRole != nil:
		files["role_id_file_path"], files["secret_id_file_path"] = m.AppRole.RoleIDFile, m.AppRole.SecretIDFile
	case m.TokenFile != nil:
		files["token_file_path"] = m.TokenFile.Path
	case m.JWT != nil:
		files["path"] = m.JWT.Path
	case m.Kubernetes != nil:
		files["token_path"] = m.Kubernetes.TokenPath
	}
	for _, name := range []string{"role_id_file_path", "secret_id_file_path", "token_file_path", "path", "token_path"} {
		if problem := bundle.Unreadable(files[name]); problem != "" {
			found = append(found, config.Problem{Kind: config.Warning, Pos: m.Pos, Block: "auto_auth: method " + strconv.Quote(m.Type), Name: name,
				Message: problem, Hint: "deliver the file: certagent cannot log in without it"})
		}
	}
	return found
}

// checkAppend reports a file that cannot be opened for appending, or created.
func checkAppend(pos config.Pos, block, name, path string) config.Problems {
	if path == "" {
		return nil
	}
	err := safefile.CheckAppend(path)
	if err == nil {
		return nil
	}
	hint := "name a regular file in a directory in which nobody else can write, or let it belong to certagent's user"
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		hint = "create the directory, and let certagent's user write in it"
	}
	var failed *fs.PathError
	if errors.As(err, &failed) {
		path, err = failed.Path, failed.Err
	}
	return config.Problems{{Kind: config.StartError, Pos: pos, Block: block, Name: name,
		Message: fmt.Sprintf("cannot write %q: %v (certagent runs as user %d)", path, err, os.Geteuid()), Hint: hint}}
}

// CheckAddresses looks up the hosts of the verify addresses. A host that cannot be
// looked up now is a warning. It takes at most two seconds for each.
func CheckAddresses(ctx context.Context, cfg *config.Config) (found config.Problems) {
	for i := range cfg.Bundles {
		b := &cfg.Bundles[i]
		if b.Verify == nil {
			continue
		}
		for _, address := range b.Verify.Addresses {
			host, _, err := net.SplitHostPort(address)
			if err != nil || host == "" || net.ParseIP(host) != nil || strings.HasPrefix(address, "unix:") {
				continue
			}
			lookup, cancel := context.WithTimeout(ctx, resolveTimeout)
			_, err = net.DefaultResolver.LookupHost(lookup, host)
			cancel()
			if err != nil && ctx.Err() == nil {
				found = append(found, config.Problem{Kind: config.Warning, Pos: b.Verify.Pos, Block: "bundle " + strconv.Quote(b.Name) + ": verify", Name: "address",
					Message: err.Error(), Hint: "check the name and this host's DNS"})
			}
		}
	}
	return found
}

// checkStart logs what may not be as intended, and fails with what keeps the agent
// from working.
func (a *Agent) checkStart(members *bundle.Members) error {
	if err := a.check(a.Config, members); err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	return nil
}

// check is checkStart for a configuration that may replace that of the agent.
func (a *Agent) check(cfg *config.Config, members *bundle.Members) error {
	_, found := members.Check(cfg.ExitAfterAuth)
	found = append(found, checkHost(cfg, members)...)
	LogWarnings(a.Logger, found)
	if errs := found.Errors(); len(errs) > 0 {
		return errs
	}
	return nil
}

// checkAddresses logs which verify addresses cannot be resolved. It does not delay
// the start.
func (r *assembly) checkAddresses(ctx context.Context) error {
	if r.bubble == nil {
		LogWarnings(r.Logger, CheckAddresses(ctx, r.Config))
	}
	return nil
}

// LogWarnings logs the warnings among problems.
func LogWarnings(logger *slog.Logger, problems config.Problems) {
	for _, p := range problems.Warnings() {
		var attributes []any
		for _, a := range []struct{ key, value string }{
			{logkey.Position, p.Pos.String()}, {logkey.Block, p.Block}, {logkey.Name, p.Name}, {logkey.Text, p.Message}, {logkey.Hint, p.Hint},
		} {
			if a.value != "" {
				attributes = append(attributes, a.key, a.value)
			}
		}
		logger.Warn(logmsg.ConfigWarning, attributes...)
	}
}
