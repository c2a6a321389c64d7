// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/safefile"
)

// runAgent implements "certagent agent".
func runAgent(args []string, s streams) int {
	var c configFlags
	flags := flag.NewFlagSet("agent", flag.ContinueOnError)
	c.register(flags)
	timeout := timeoutFlag{}
	flags.Var(&timeout, "timeout", "")
	if code, ok := parse(flags, args, s, usageAgent); !ok {
		return code
	}
	if len(c.paths) == 0 {
		complain(s.err, "no configuration given", "name a file or a directory: certagent agent -config=PATH")
		return exitUsage
	}
	saveMemory()
	closeMemory()
	cfg, problems := c.load()
	if cfg == nil {
		fmt.Fprintln(s.err, printableLines(problems.Error()))
		complain(s.err, count(len(problems.Errors()), "error")+" in the configuration", "fix the lines above; certagent validate checks them")
		return exitConfig
	}
	if c.verifyOnly {
		return verify(cfg, problems, s)
	}
	o := oneShot{revoke: c.once}
	switch {
	case timeout.given && !cfg.ExitAfterAuth:
		complain(s.err, "-timeout is for a run that ends", "add -once; certagent wait has a -timeout of its own")
		return exitUsage
	case timeout.given:
		o.timeout = timeout.value
	case c.once:
		o.timeout = onceTimeout
	}
	return start(cfg, problems, c, o, s)
}

// verify checks the templates, and starts nothing.
func verify(cfg *config.Config, problems config.Problems, s streams) int {
	_, found := bundle.Check(cfg)
	if problems = append(problems, found...); len(problems) > 0 {
		fmt.Fprintln(s.err, printableLines(problems.Error()))
	}
	if len(problems.Errors()) > 0 {
		return exitConfig
	}
	return exitOK
}

// start sets up log, signals, systemd and reloads for an agent, and runs it.
func start(cfg *config.Config, problems config.Problems, c configFlags, o oneShot, s streams) int {
	file, err := openLog(cfg.Log)
	if err != nil {
		complain(s.err, err.Error(), "check log_file and its directory's permissions")
		return exitConfig
	}
	standard := s.err
	if c.combineLogs {
		standard = s.out
	}
	logger := newLogs(cfg.Log, standard, file)
	signals := watchSignals(logger.Logger, len(cfg.Execs) > 0) // before the first line: see SIGPIPE there
	defer signals.stop()
	defer logger.close() // before that
	logger.Info(logmsg.Starting, logkey.Version, version(), logkey.Files, cfg.Files, logkey.Address, cfg.Vault.Address, logkey.From, cfg.AddressFrom)
	warn(problems, c.ignored, logger.Logger)
	removePIDFile, err := writePIDFile(cfg.PIDFile)
	if err != nil {
		logger.complain(err.Error(), "check pid_file and its directory's permissions")
		return exitConfig
	}
	defer removePIDFile()

	n := newNotifier(logger.Logger)
	defer n.close()
	r := &reloader{flags: c, level: logger.level, logger: logger.Logger, notifier: n, config: cfg, handed: signals.handed}
	r.start(signals.hangups)
	defer r.stop()
	a := &agent.Agent{
		Config: cfg, Logger: logger.Logger, UserAgent: "certagent/" + version(),
		Stdin: s.in, Stdout: s.out, Stderr: s.err,
		AdoptOrphans: true,

		Hurry:    signals.hurry,
		Signals:  signals.handed,
		Reloads:  r.reloads,
		Running:  func(h *agent.Handle) { n.follow(h) },
		Ready:    n.ready,
		Stopping: n.stopping,

		Timeout: o.timeout, RevokeToken: o.revoke,
		Finished: func(renewed, kept int) { o.finished, o.renewed, o.kept = true, renewed, kept },
	}
	err = a.Run(signals.ctx)
	if err == nil && o.finished {
		logger.Info(logmsg.Finished, logkey.Renewed, o.renewed, logkey.Kept, o.kept)
		return exitOK
	}
	return exitCode(err, logger.Logger)
}

// onceTimeout is the default of -timeout with -once. Vault Agent's exit_after_auth waits
// for ever, and so does the flag -exit-after-auth.
const onceTimeout = 10 * time.Minute

// oneShot is how a one-shot run ends.
type oneShot struct {
	timeout       time.Duration // 0 is for ever
	revoke        bool          // the token, at the end
	finished      bool
	renewed, kept int
}

// timeoutFlag is the value of -timeout.
type timeoutFlag struct {
	given bool
	value time.Duration
}

func (f *timeoutFlag) String() string { return "" }

func (f *timeoutFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("must be a duration, such as 5m, or 0 to wait for ever")
	}
	f.given, f.value = true, d
	return nil
}

// warn logs the warnings about the configuration and the flags that are ignored.
func warn(problems config.Problems, ignoredFlags []string, logger *slog.Logger) {
	agent.LogWarnings(logger, problems)
	for _, name := range ignoredFlags {
		logger.Warn(logmsg.FlagIgnored, logkey.Name, "-"+name)
	}
}

// exitCode logs how the agent ended and returns the exit code.
func exitCode(err error, logger *slog.Logger) int {
	var child *agent.ChildExit
	var failure *agent.Failure
	var problems config.Problems
	switch {
	case err == nil:
		logger.Info(logmsg.Exiting)
		return exitOK
	case errors.As(err, &child):
		logger.Info(logmsg.ExitingWithChild, logkey.Code, child.Code)
		return child.Code
	case errors.As(err, &problems):
		code := exitConfig
		if errors.As(err, &failure) {
			code = failure.Code
		}
		logProblems(problems, code, logger)
		return code
	case errors.As(err, &failure):
		logger.Error(logmsg.ExitingOnError, logkey.Error, err, logkey.Code, failure.Code)
		return failure.Code
	default:
		logger.Error(logmsg.ExitingOnError, logkey.Error, err, logkey.Code, exitError)
		return exitError
	}
}

// logProblems logs why the agent does not start, one line for each problem.
func logProblems(problems config.Problems, code int, logger *slog.Logger) {
	if len(problems) == 1 {
		p := problems[0]
		logger.Error(logmsg.ExitingOnError, logkey.Error, p.Line(), sourceOf(p), hintOf(p), logkey.Code, code)
		return
	}
	for _, p := range problems {
		logger.Error(logmsg.ConfigError, logkey.Error, p.Line(), sourceOf(p), hintOf(p))
	}
	logger.Error(logmsg.ExitingOnError, logkey.Error, count(len(problems), "error")+" in the configuration, or on this host", logkey.Code, code)
}

// writePIDFile writes the process's number to path, unless path is empty. Whatever
// else stands at the path stays as it is, and so does what has taken the file's place
// until remove is called.
func writePIDFile(path string) (remove func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := safefile.OpenAppend(path, 0o600)
	if err != nil {
		return nil, fmt.Errorf("writing pid_file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: safefile.ErrNotRegular}
	}
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(file, os.Getpid())
	}
	if err != nil {
		return nil, fmt.Errorf("writing pid_file: %w", err)
	}
	return func() {
		if now, err := os.Lstat(path); err == nil && os.SameFile(info, now) {
			_ = os.Remove(path) // a stale pid file is harmless: its readers check the process
		}
	}, nil
}

// count returns "1 error" or "3 errors".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
