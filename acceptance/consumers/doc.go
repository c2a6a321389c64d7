// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package consumers holds the tests with real programs that serve certificates:
// HAProxy, gunicorn, a JVM and Node. Each runs a recipe of README.md as it is
// written there, with paths, address and lifetime replaced, while clients connect
// all the time.
package consumers
