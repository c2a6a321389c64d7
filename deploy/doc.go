// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package deploy has no code: its directories hold what operators copy, and its
// tests run that as systemd, Nomad, Docker and Kubernetes would.
package deploy
