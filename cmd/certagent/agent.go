// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
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

// count returns "1 error" or "3 errors".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
