// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/certagent/certagent/examples/internal/stage"
	"github.com/certagent/certagent/probe"
)

// findNginx returns the path of nginx, or "" for the built-in server. Debian installs
// nginx in a directory that is not in most users' PATH.
func findNginx(wanted string) (string, error) {
	switch wanted {
	case "none":
		return "", nil
	case "":
		for _, name := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/nginx/sbin/nginx"} {
			if path, err := exec.LookPath(name); err == nil {
				return path, nil
			}
		}
		return "", nil
	}
	path, err := exec.LookPath(wanted)
	if err != nil {
		return "", fmt.Errorf("nginx: %w", err)
	}
	return path, nil
}

func (d *demo) serverName() string {
	if d.nginx == "" {
		return "server"
	}
	return "nginx"
}

// serverNote returns a remark if the server is not nginx.
func (d *demo) serverNote() string {
	if d.nginx == "" {
		return "\n           (a small built-in server, in place of nginx)"
	}
	return ""
}

// startServer starts nginx, or the built-in server, and waits until it answers.
func (d *demo) startServer(ctx context.Context) (err error) {
	command := []string{d.nginx, "-p", d.Dir, "-c", "nginx.conf"}
	if d.nginx == "" {
		if command, err = builtinServerCommand(d.listen, d.vault.url); err != nil {
			return err
		}
	}
	d.server, err = d.Run(stage.Program{Name: d.serverName(), Command: command, Log: "nginx.log", Stop: syscall.SIGQUIT})
	if err != nil {
		return err
	}
	return d.await(ctx, d.server, "the server to answer", func() error {
		_, err := probe.Leaf(ctx, probe.Target{Address: d.listen})
		return err
	})
}

// reloadMark occurs once in the log for each reload, of nginx and of the built-in
// server.
const reloadMark = ": reconfiguring"

// reloads returns how often the server has reloaded.
func (d *demo) reloads() int {
	text, _ := os.ReadFile(d.Path("nginx.log")) // there is one while the server runs
	return strings.Count(string(text), reloadMark)
}

// freeAddress returns the address, with another port if that is taken.
func freeAddress(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
