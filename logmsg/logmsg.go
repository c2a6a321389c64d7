// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package logmsg lists the messages of the log; docs/log.md says what each means.
// A message is a constant: what varies goes into attributes under the keys of
// package logkey, so that an alert can be written on a message without reading the
// source.
package logmsg

// The program: start, reload, stop.
const (
	Starting          = "starting"
	ConfigWarning     = "configuration warning"
	ConfigError       = "configuration error"
	FlagIgnored       = "flag ignored: it has no effect"
	Exiting           = "stopped"
	Finished          = "one-shot run finished"
	ExitingWithChild  = "exiting with the child's exit code"
	ExitingOnError    = "exiting on error"
	Stopping          = "stop requested"
	StopRepeated      = "stop signal repeated at once; taken for the same request"
	StoppingAtOnce    = "second stop signal; killing the children and exiting"
	EndForced         = "exiting without waiting for what is still at work"
	SignalIgnored     = "signal ignored"
	Reloaded          = "configuration reloaded"
	ReloadRefused     = "reload refused: the new configuration is invalid"
	ReloadFailed      = "reload failed; the old configuration stays in use"
	RestartNeeded     = "configuration change takes effect after a restart"
	NothingChanged    = "no bundle is changed by the reload"
	ConfigChanged     = "bundles changed by the reload"
	LinesLost         = "log lines lost"
	LogNotWritten     = "writing the log failed"
	LogNotRotated     = "rotating log_file failed; retrying in a minute"
	LibraryMessage    = "library message"
	HeartbeatWithheld = "systemd watchdog: heartbeat withheld"
	WatchdogNotUsed   = "systemd watchdog not used"
	NotifyFailed      = "sd_notify failed"
)

// The login, its token and the token sinks.
const (
	LoggedIn            = "logged in"
	LoginFailed         = "login failed"
	TokenRejected       = "token rejected; logging in again"
	CredentialsChanged  = "credentials changed; logging in again"
	TokenRenewed        = "token renewed"
	TokenRenewalRefused = "token renewal refused; logging in again"
	TokenNotRenewable   = "token cannot be renewed; logging in again before it expires"
	TokenNotRenewed     = "token renewal failed; retrying"
	SecretIDRemoved     = "secret id read and removed"
	JWTRemoved          = "login JWT read and removed"
	SecretIDNotRemoved  = "removing the secret_id file failed"
	JWTNotRemoved       = "removing the JWT file failed"
	TokenNotRevoked     = "revoking the token of the one-shot run failed"
	TokenWritten        = "token written"
	TokenNotWritten     = "writing the token failed"
)

// The connection to Vault and the secrets.
const (
	TLSReloaded      = "TLS files for Vault reloaded"
	TLSNotReloaded   = "reloading the TLS files for Vault failed; keeping the old ones"
	NotLoggedIn      = "not logged in; continuing with the valid files on disk"
	FilesUsed        = "continuing with the valid files on disk"
	VaultSilent      = "no answer from Vault; continuing with the valid files on disk"
	VaultWarning     = "warning from Vault"
	SecretFetched    = "secret fetched"
	SecretFailed     = "fetching a secret failed"
	SecretNotRenewed = "renewing a secret failed; keeping the old one"
	SecretsRecovered = "every failed secret has recovered"
	ClockSuspect     = "new certificate is not valid now; check this host's clock"
	ClocksDiffer     = "this host's clock and Vault's differ"
	ClocksAgree      = "clocks of this host and of Vault agree again"

	CertificateUseless = "new certificate has ended already; check the CA and the role"
)

// Certificates.
const (
	Issuing            = "requesting a certificate"
	Issued             = "certificate issued"
	IssueFailed        = "issuing failed"
	KeyByRole          = "role requires another kind of key; generating that"
	LifetimeShortened  = "certificate ends earlier than ttl asks for"
	RenewBeforeNotKept = "renew_before is longer than the certificate lives; renewing at two thirds of its lifetime"
	IssueRecovered     = "issuing succeeded after retries"
	IssueLimited       = "issuing paused: max_issues_per_hour is reached"
	IssuerChanged      = "issuer changed; publishing its CAs first"
	PasswordMissing    = "reading the keystore password failed"
	CertificateKept    = "certificate on disk is valid; keeping it"
	Expiring           = "the certificate in use expires and is not replaced yet"
	Expired            = "the certificate has expired and is still in use"
	ExpiredUntold      = "the certificate has expired, and nobody was told of its successor"
	ExpiredReplaced    = "the expired certificate is not in use any more"
)

// A bundle's files.
const (
	FileUnusable        = "file on disk cannot be used; replacing it"
	FilesKept           = "files on disk are valid; requesting nothing from Vault"
	RecordIgnored       = "record of an earlier run ignored"
	ChangePending       = "change pending from an earlier run"
	TemplateNotReloaded = "reloading a template failed; keeping the old one"
	RenderFailed        = "render failed; keeping the files on disk"
	PublishFailed       = "publish failed; keeping the files on disk"
	RepairFailed        = "repair failed; keeping the files on disk"
	RollbackFailed      = "rollback failed; keeping the files on disk"
	Published           = "published"
	VariableRendered    = "env_template rendered for the child's environment"
	WrongName           = "certificate does not have a name that the template asked for"
	AllPublished        = "every bundle is published"
	LeftoversNotRemoved = "removing the old generation failed"
	RecordNotUpdated    = "updating the record failed; the files are correct"
	PendingNotRecorded  = "recording the pending changes failed"
	RecordNotRemoved    = "removing the record of a merged bundle failed"
	RecoveryFailed      = "cleanup after an earlier run failed"
	NotLocked           = "locking failed: another agent could publish to the same files"
	DirectoryReplaced   = "the directory of a destination is another one than before"
	OwnerUnknown        = "looking up the directory's owner failed"
	FileChanged         = "another process changed a published file"
	FileRepaired        = "owner or mode of a file repaired"
	KeyReadable         = "a private key can be read by every user of this host"
	FileNotRepaired     = "repairing the owner or mode of a file failed"
)

// Check, change and verify.
const (
	CheckPassed     = "check passed"
	CheckFailed     = "check failed"
	NoPrevious      = "no previous generation to roll back to; the change waits for the check"
	RolledBack      = "rolled back to the previous generation"
	ChangeDone      = "change done"
	ChangeNotNeeded = "change not needed: the target is not running"
	ChangeWaits     = "change waits for its target, which is not running"
	TargetStarted   = "change not needed: the target has started since"
	NobodyTold      = "nobody was told: the pid file does not exist"
	PIDFileStale    = "nobody was told: the pid file is stale"
	ChangeHeld      = "change held: its signal would end the target"
	ServedUntold    = "the server runs and serves the old certificate, but nobody could be told"
	ChangeLeft      = "change left pending: a one-shot run does not wait for it"
	ChangeFailed    = "change failed; retrying"
	CommandOutput   = "command output"
	Verified        = "verified: the published certificate is served"
	PreviousServed  = "previous certificate is still served: the check refused its successor"
	ExpiredServed   = "verify: the published certificate is served, and has expired"
	ServedOld       = "verify failed: another certificate is served"
	Unproven        = "verify: not known for longer than the time-out what is served"
	Unreachable     = "no server is listening on the verify address"
	NotConnected    = "cannot connect to the verify address"
	NoHandshake     = "no TLS handshake with the server on the verify address"
	ProbeFailed     = "cannot verify the served certificate"
)

// Children and signals.
const (
	ChildStarted       = "child started"
	ChildNotStarted    = "cannot start the child"
	ChildRestarts      = "restarting the child"
	ChildStopping      = "stopping the child"
	ChildExited        = "child exited"
	ChildNotRestarted  = "child not restarted after its exit"
	ChildInBackground  = "child went into the background; ending what it left"
	ChildGroupLeft     = "stopping processes that the child left behind"
	ChildKilled        = "child did not stop in time; killing it"
	ChildGroupStuck    = "processes of the child's group survived SIGKILL"
	ChildStuck         = "killed child has not exited"
	ChildNotKilled     = "killing the child failed"
	SignalNotForwarded = "forwarding a signal to the child failed"
	OrphanReaped       = "orphan reaped"
	SubreaperFailed    = "becoming a child subreaper failed"
)

// Files that are watched.
const (
	PollingDirectory = "watching a directory failed; polling it"
	PollingFiles     = "watching files failed; polling them"
	FileEventsLost   = "file events lost; checking every file"
)
