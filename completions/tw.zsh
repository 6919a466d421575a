#compdef tw
# zsh completion of tw, written by `tw completion zsh`. Save it as `_tw` in a directory of $fpath, or source it.

_tw_completion() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '1::SHELL:(bash zsh fish)' \
        && ret=0
    return ret
}

_tw_report() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--html=[Write a page as well; it needs nothing but itself.]:FILE:_files' \
        '--json[One object on stdout.]' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '*:FILE:_files' \
        && ret=0
    return ret
}

_tw_imap_check() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--user=[Whose mail.]:NAME: ' \
        '--host=[IMAP server.]:TEXT: ' \
        '--port=[Its port. \[default: 993, or 143 with starttls and plain\]]:INTEGER RANGE: ' \
        '--endpoint=[Twisted client endpoint string instead of host and port.]:STRPORT: ' \
        '--tunnel=[Talk to this shell command (ssh HOST imapd) instead; as --security plain.]:CMD: ' \
        '--security=[How the connection is protected; never downgraded. plain counts only when typed.]:CHOICE:(tls starttls plain)' \
        '--auth=[How to log in: the strongest (auto).]:CHOICE:(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer)' \
        '--password-file=[File with the password; - reads stdin.]:FILE:_files' \
        '--password-fd=[Open descriptor to read it from.]:N: ' \
        '--password-command=[Shell command that prints the password.]:CMD: ' \
        '--netrc[Look the password, and the user, up in ~/.netrc ($NETRC).]' \
        '--netrc-file=[The same in another file.]:FILE:_files' \
        '--keyring[Look it up in the keyring (needs the extra '"'"'keyring'"'"').]' \
        '--token-command=[Shell command that prints a token (xoauth2, oauthbearer).]:CMD: ' \
        '--send-id[Say a name (ID) before a mailbox is opened; some providers insist.]' \
        '--trace[Show the conversation on stderr, without passwords.]' \
        '--timeout=[For the whole.]:DURATION: ' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '--json[One object on stdout.]' \
        '--mailbox=[Mailbox to look at.]:NAME: ' \
        '--expect-subject=[One of the last 100 subjects matches this.]:RE: ' \
        '--max-age=[The newest message (the newest that matches) arrived within this time.]:DURATION: ' \
        '--max-unread=[At most so many are unread.]:N: ' \
        '--cert-days=[The certificate is good for W days, else a warning; for C, else it is critical.]:W[,C]: ' \
        '--nagios[A plugin for Nagios and its kin: one line, exit 0, 1, 2 or 3.]' \
        '--accounts=[Check every \[\[account\]\] of this TOML file.]:FILE:_files' \
        '--jobs=[At most so many accounts at a time.]:N: ' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        && ret=0
    return ret
}

_tw_imap_watch() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--user=[Whose mail.]:NAME: ' \
        '--host=[IMAP server.]:TEXT: ' \
        '--port=[Its port. \[default: 993, or 143 with starttls and plain\]]:INTEGER RANGE: ' \
        '--endpoint=[Twisted client endpoint string instead of host and port.]:STRPORT: ' \
        '--tunnel=[Talk to this shell command (ssh HOST imapd) instead; as --security plain.]:CMD: ' \
        '--security=[How the connection is protected; never downgraded. plain counts only when typed.]:CHOICE:(tls starttls plain)' \
        '--auth=[How to log in: the strongest (auto).]:CHOICE:(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer)' \
        '--password-file=[File with the password; - reads stdin.]:FILE:_files' \
        '--password-fd=[Open descriptor to read it from.]:N: ' \
        '--password-command=[Shell command that prints the password.]:CMD: ' \
        '--netrc[Look the password, and the user, up in ~/.netrc ($NETRC).]' \
        '--netrc-file=[The same in another file.]:FILE:_files' \
        '--keyring[Look it up in the keyring (needs the extra '"'"'keyring'"'"').]' \
        '--token-command=[Shell command that prints a token (xoauth2, oauthbearer).]:CMD: ' \
        '--send-id[Say a name (ID) before a mailbox is opened; some providers insist.]' \
        '--trace[Show the conversation on stderr, without passwords.]' \
        '--timeout=[For the whole.]:DURATION: ' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '--json[One object on stdout.]' \
        '--mailbox=[Mailbox to look at.]:NAME: ' \
        '--raw[The bytes as they came, not decoded and not made safe.]' \
        '--count=[Leave after N messages.]:N: ' \
        '--poll=[How often to look without IDLE.]:DURATION: ' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        && ret=0
    return ret
}

_tw_imap_status() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--user=[Whose mail.]:NAME: ' \
        '--host=[IMAP server.]:TEXT: ' \
        '--port=[Its port. \[default: 993, or 143 with starttls and plain\]]:INTEGER RANGE: ' \
        '--endpoint=[Twisted client endpoint string instead of host and port.]:STRPORT: ' \
        '--tunnel=[Talk to this shell command (ssh HOST imapd) instead; as --security plain.]:CMD: ' \
        '--security=[How the connection is protected; never downgraded. plain counts only when typed.]:CHOICE:(tls starttls plain)' \
        '--auth=[How to log in: the strongest (auto).]:CHOICE:(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer)' \
        '--password-file=[File with the password; - reads stdin.]:FILE:_files' \
        '--password-fd=[Open descriptor to read it from.]:N: ' \
        '--password-command=[Shell command that prints the password.]:CMD: ' \
        '--netrc[Look the password, and the user, up in ~/.netrc ($NETRC).]' \
        '--netrc-file=[The same in another file.]:FILE:_files' \
        '--keyring[Look it up in the keyring (needs the extra '"'"'keyring'"'"').]' \
        '--token-command=[Shell command that prints a token (xoauth2, oauthbearer).]:CMD: ' \
        '--send-id[Say a name (ID) before a mailbox is opened; some providers insist.]' \
        '--trace[Show the conversation on stderr, without passwords.]' \
        '--timeout=[For the whole.]:DURATION: ' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '--json[One object on stdout.]' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '*:MAILBOX:()' \
        && ret=0
    return ret
}

_tw_imap_mailboxes() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--user=[Whose mail.]:NAME: ' \
        '--host=[IMAP server.]:TEXT: ' \
        '--port=[Its port. \[default: 993, or 143 with starttls and plain\]]:INTEGER RANGE: ' \
        '--endpoint=[Twisted client endpoint string instead of host and port.]:STRPORT: ' \
        '--tunnel=[Talk to this shell command (ssh HOST imapd) instead; as --security plain.]:CMD: ' \
        '--security=[How the connection is protected; never downgraded. plain counts only when typed.]:CHOICE:(tls starttls plain)' \
        '--auth=[How to log in: the strongest (auto).]:CHOICE:(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer)' \
        '--password-file=[File with the password; - reads stdin.]:FILE:_files' \
        '--password-fd=[Open descriptor to read it from.]:N: ' \
        '--password-command=[Shell command that prints the password.]:CMD: ' \
        '--netrc[Look the password, and the user, up in ~/.netrc ($NETRC).]' \
        '--netrc-file=[The same in another file.]:FILE:_files' \
        '--keyring[Look it up in the keyring (needs the extra '"'"'keyring'"'"').]' \
        '--token-command=[Shell command that prints a token (xoauth2, oauthbearer).]:CMD: ' \
        '--send-id[Say a name (ID) before a mailbox is opened; some providers insist.]' \
        '--trace[Show the conversation on stderr, without passwords.]' \
        '--timeout=[For the whole.]:DURATION: ' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '--json[One object on stdout.]' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '1::PATTERN:()' \
        && ret=0
    return ret
}

_tw_imap_subjects() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--user=[Whose mail.]:NAME: ' \
        '--host=[IMAP server.]:TEXT: ' \
        '--port=[Its port. \[default: 993, or 143 with starttls and plain\]]:INTEGER RANGE: ' \
        '--endpoint=[Twisted client endpoint string instead of host and port.]:STRPORT: ' \
        '--tunnel=[Talk to this shell command (ssh HOST imapd) instead; as --security plain.]:CMD: ' \
        '--security=[How the connection is protected; never downgraded. plain counts only when typed.]:CHOICE:(tls starttls plain)' \
        '--auth=[How to log in: the strongest (auto).]:CHOICE:(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer)' \
        '--password-file=[File with the password; - reads stdin.]:FILE:_files' \
        '--password-fd=[Open descriptor to read it from.]:N: ' \
        '--password-command=[Shell command that prints the password.]:CMD: ' \
        '--netrc[Look the password, and the user, up in ~/.netrc ($NETRC).]' \
        '--netrc-file=[The same in another file.]:FILE:_files' \
        '--keyring[Look it up in the keyring (needs the extra '"'"'keyring'"'"').]' \
        '--token-command=[Shell command that prints a token (xoauth2, oauthbearer).]:CMD: ' \
        '--send-id[Say a name (ID) before a mailbox is opened; some providers insist.]' \
        '--trace[Show the conversation on stderr, without passwords.]' \
        '--timeout=[For the whole.]:DURATION: ' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '--json[One object on stdout.]' \
        '--mailbox=[Mailbox to look at.]:NAME: ' \
        '--raw[The bytes as they came, not decoded and not made safe.]' \
        '--last=[At most so many, the newest ones.]:N: ' \
        '--newest[The newest alone, in one round trip.]' \
        '--search=[Those that match, as IMAP says it: '"'"'UNSEEN FROM bob'"'"'.]:CRITERIA: ' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        && ret=0
    return ret
}

_tw_imap_first_subject() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--user=[Whose mail.]:NAME: ' \
        '--host=[IMAP server.]:TEXT: ' \
        '--port=[Its port. \[default: 993, or 143 with starttls and plain\]]:INTEGER RANGE: ' \
        '--endpoint=[Twisted client endpoint string instead of host and port.]:STRPORT: ' \
        '--tunnel=[Talk to this shell command (ssh HOST imapd) instead; as --security plain.]:CMD: ' \
        '--security=[How the connection is protected; never downgraded. plain counts only when typed.]:CHOICE:(tls starttls plain)' \
        '--auth=[How to log in: the strongest (auto).]:CHOICE:(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer)' \
        '--password-file=[File with the password; - reads stdin.]:FILE:_files' \
        '--password-fd=[Open descriptor to read it from.]:N: ' \
        '--password-command=[Shell command that prints the password.]:CMD: ' \
        '--netrc[Look the password, and the user, up in ~/.netrc ($NETRC).]' \
        '--netrc-file=[The same in another file.]:FILE:_files' \
        '--keyring[Look it up in the keyring (needs the extra '"'"'keyring'"'"').]' \
        '--token-command=[Shell command that prints a token (xoauth2, oauthbearer).]:CMD: ' \
        '--send-id[Say a name (ID) before a mailbox is opened; some providers insist.]' \
        '--trace[Show the conversation on stderr, without passwords.]' \
        '--timeout=[For the whole.]:DURATION: ' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '--json[One object on stdout.]' \
        '--mailbox=[Mailbox to look at.]:NAME: ' \
        '--raw[The bytes as they came, not decoded and not made safe.]' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        && ret=0
    return ret
}

_tw_imap() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C -A '-*' : \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '1:command:->commands' \
        '*:: :->below' \
        && ret=0
    case $state in
        commands)
            local -a commands=(
                'first-subject:Print the subject of a mailbox'"'"'s first message.'
                'subjects:Print subjects: the last ones, or those found.'
                'mailboxes:Print the names of the mailboxes.'
                'status:Print how many messages mailboxes hold.'
                'watch:Print the subject of each message as it comes in.'
                'check:Check that mail can be read, for monitoring.'
            )
            _describe -t commands 'tw imap command' commands && ret=0
            ;;
        below)
            case $words[1] in
                first-subject) _tw_imap_first_subject && ret=0 ;;
                subjects) _tw_imap_subjects && ret=0 ;;
                mailboxes) _tw_imap_mailboxes && ret=0 ;;
                status) _tw_imap_status && ret=0 ;;
                watch) _tw_imap_watch && ret=0 ;;
                check) _tw_imap_check && ret=0 ;;
            esac
            ;;
    esac
    return ret
}

_tw_probe_pubsub() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--count=[Samples; with --subscribe, lines to leave after. \[default: 5; unlimited with --subscribe\]]:N: ' \
        '--interval=[From one sample to the next.]:DURATION: ' \
        '--timeout=[For connecting, and for each answer.]:DURATION: ' \
        '--wait-for=[Keep trying to connect for so long.]:DURATION: ' \
        '--tls[Speak TLS.]' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '(-4 --ipv4)-4[Use IPv4 only.]' \
        '(-4 --ipv4)--ipv4[Use IPv4 only.]' \
        '(-6 --ipv6)-6[Use IPv6 only.]' \
        '(-6 --ipv6)--ipv6[Use IPv6 only.]' \
        '--bind=[Source address.]:HOST: ' \
        '--self[Start the matching server in this process and probe it.]' \
        '--json[One report object on stdout.]' \
        '--send-proxy=[Begin each connection with a PROXY header, as a proxy does, before TLS.]:CHOICE:(v1 v2)' \
        '--proxy-source=[Say in the PROXY header that it is from here. \[default: the connection'"'"'s own address\]]:ADDR\:PORT: ' \
        '--connections=[Load by so many publishers to as many subscribers.]:N: ' \
        '--rate=[Load at a fixed rate: messages a second, in total.]:R: ' \
        '--duration=[Of the load. \[default: 10s, if there is no --count\]]:DURATION: ' \
        '--warmup=[Load for so long before it counts.]:DURATION: ' \
        '--connect-rate=[Open so many connections a second. \[default: all at once\]]:R: ' \
        '--json-stream[JSON Lines on stdout: a line each second (each sample, in ping mode), then the report.]' \
        '--publishers=[Load by so many publishers. \[default: --connections, or 1\]]:P: ' \
        '--subscribers=[Load to so many subscribers, each of which must get every line. \[default: --connections, or 1\]]:S: ' \
        '--window=[Without --rate: lines of a publisher that may be under way at once. \[default: 1\]]:N: ' \
        '--read-rate=[Make a subscriber slow on purpose: it reads so many bytes a second.]:BYTES: ' \
        '--slow-subscribers=[So many of the subscribers are slow, the last ones. \[default: 1, with --read-rate\]]:K: ' \
        '*--assert=[Exit 1 unless this holds: '"'"'p99<50ms'"'"', '"'"'loss=0'"'"', '"'"'errors<=0.1%'"'"', '"'"'rate>=1000'"'"'; repeatable.]:EXPR: ' \
        '--junit=[Write verdict and assertions as JUnit XML.]:FILE:_files' \
        '--hgrm=[Write the round trips for HdrHistogram'"'"'s plotters.]:FILE:_files' \
        '--size=[Of a payload, with its token and number.]:BYTES: ' \
        '(-i --interactive)-i[Talk: your lines out, the server'"'"'s to stdout.]' \
        '(-i --interactive)--interactive[Talk: your lines out, the server'"'"'s to stdout.]' \
        '*--publish=[Publish this line and leave; repeatable; - reads stdin.]:LINE: ' \
        '--no-wait[Do not wait until published lines come back.]' \
        '--subscribe[Receive lines.]' \
        '--idle=[Leave after so much silence. \[default: never with --subscribe, 1s with -i\]]:DURATION: ' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '*:TARGET:()' \
        && ret=0
    return ret
}

_tw_probe_counter() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--count=[Samples.]:N: ' \
        '--interval=[From one sample to the next.]:DURATION: ' \
        '--timeout=[For connecting, and for each answer.]:DURATION: ' \
        '--wait-for=[Keep trying to connect for so long.]:DURATION: ' \
        '--tls[Speak TLS.]' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '(-4 --ipv4)-4[Use IPv4 only.]' \
        '(-4 --ipv4)--ipv4[Use IPv4 only.]' \
        '(-6 --ipv6)-6[Use IPv6 only.]' \
        '(-6 --ipv6)--ipv6[Use IPv6 only.]' \
        '--bind=[Source address.]:HOST: ' \
        '--self[Start the matching server in this process and probe it.]' \
        '--json[One report object on stdout.]' \
        '--send-proxy=[Begin each connection with a PROXY header, as a proxy does, before TLS.]:CHOICE:(v1 v2)' \
        '--proxy-source=[Say in the PROXY header that it is from here. \[default: the connection'"'"'s own address\]]:ADDR\:PORT: ' \
        '--connections=[Load over so many connections, each sending as soon as its answer is in. \[default: 1; 10 with --rate\]]:N: ' \
        '--rate=[Load at a fixed rate: messages a second, in total.]:R: ' \
        '--duration=[Of the load. \[default: 10s, if there is no --count\]]:DURATION: ' \
        '--warmup=[Load for so long before it counts.]:DURATION: ' \
        '--connect-rate=[Open so many connections a second. \[default: all at once\]]:R: ' \
        '--json-stream[JSON Lines on stdout: a line each second (each sample, in ping mode), then the report.]' \
        '*--assert=[Exit 1 unless this holds: '"'"'p99<50ms'"'"', '"'"'loss=0'"'"', '"'"'errors<=0.1%'"'"', '"'"'rate>=1000'"'"'; repeatable.]:EXPR: ' \
        '--junit=[Write verdict and assertions as JUnit XML.]:FILE:_files' \
        '--hgrm=[Write the round trips for HdrHistogram'"'"'s plotters.]:FILE:_files' \
        '--diff[Tell what changed between here and the server, which must run with --describe.]' \
        '--find-idle-timeout[Find out how long a connection that is silent is kept. A server'"'"'s TCP keepalive keeps a NAT awake: start tw'"'"'s own with --tcp-keepalive 0.]' \
        '--max-idle=[With --find-idle-timeout: the longest silence to try.]:DURATION: ' \
        '--idle-precision=[With --find-idle-timeout: how close to come to it.]:DURATION: ' \
        '--path=[Path of the request. \[default: /, or the URL'"'"'s\]]:PATH: ' \
        '*-H+[Send this header; repeatable.]:NAME\: VALUE: ' \
        '*--header=[Send this header; repeatable.]:NAME\: VALUE: ' \
        '(-X --method)-X+[Method of the request.]:TEXT: ' \
        '(-X --method)--method=[Method of the request.]:TEXT: ' \
        '--expect-status=[Another status is a bad verdict.]:N: ' \
        '*--resolve=[Connect to ADDR for HOST:PORT; repeatable.]:HOST\:PORT\:ADDR: ' \
        '--no-keepalive[A connection for each request.]' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '1::TARGET:()' \
        && ret=0
    return ret
}

_tw_probe_echo() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--count=[Samples.]:N: ' \
        '--interval=[From one sample to the next.]:DURATION: ' \
        '--timeout=[For connecting, and for each answer.]:DURATION: ' \
        '--wait-for=[Keep trying to connect for so long.]:DURATION: ' \
        '--tls[Speak TLS.]' \
        '--ca-file=[Trust these authorities instead of the system'"'"'s.]:PEM:_files' \
        '*--pin=[Expect this public key, as curl'"'"'s --pinnedpubkey; repeatable: any of them will do.]:sha256//…: ' \
        '--insecure[Do not verify the certificate. Counts only when typed.]' \
        '--server-name=[Expect a certificate for this name (and send it as SNI).]:NAME: ' \
        '--client-cert=[Show this certificate to the server.]:PEM:_files' \
        '--client-key=[Its private key, if not in the same file.]:PEM:_files' \
        '(-4 --ipv4)-4[Use IPv4 only.]' \
        '(-4 --ipv4)--ipv4[Use IPv4 only.]' \
        '(-6 --ipv6)-6[Use IPv6 only.]' \
        '(-6 --ipv6)--ipv6[Use IPv6 only.]' \
        '--bind=[Source address.]:HOST: ' \
        '--self[Start the matching server in this process and probe it.]' \
        '--json[One report object on stdout.]' \
        '--send-proxy=[Begin each connection with a PROXY header, as a proxy does, before TLS.]:CHOICE:(v1 v2)' \
        '--proxy-source=[Say in the PROXY header that it is from here. \[default: the connection'"'"'s own address\]]:ADDR\:PORT: ' \
        '--connections=[Load over so many connections, each sending as soon as its answer is in. \[default: 1; 10 with --rate\]]:N: ' \
        '--rate=[Load at a fixed rate: messages a second, in total.]:R: ' \
        '--duration=[Of the load. \[default: 10s, if there is no --count\]]:DURATION: ' \
        '--warmup=[Load for so long before it counts.]:DURATION: ' \
        '--connect-rate=[Open so many connections a second. \[default: all at once\]]:R: ' \
        '--json-stream[JSON Lines on stdout: a line each second (each sample, in ping mode), then the report.]' \
        '*--assert=[Exit 1 unless this holds: '"'"'p99<50ms'"'"', '"'"'loss=0'"'"', '"'"'errors<=0.1%'"'"', '"'"'rate>=1000'"'"'; repeatable.]:EXPR: ' \
        '--junit=[Write verdict and assertions as JUnit XML.]:FILE:_files' \
        '--hgrm=[Write the round trips for HdrHistogram'"'"'s plotters.]:FILE:_files' \
        '--diff[Tell what changed between here and the server, which must run with --describe.]' \
        '--find-idle-timeout[Find out how long a connection that is silent is kept. A server'"'"'s TCP keepalive keeps a NAT awake: start tw'"'"'s own with --tcp-keepalive 0.]' \
        '--max-idle=[With --find-idle-timeout: the longest silence to try.]:DURATION: ' \
        '--idle-precision=[With --find-idle-timeout: how close to come to it.]:DURATION: ' \
        '--size=[Of a payload, with its token and number.]:BYTES: ' \
        '--udp[Over UDP.]' \
        '(-i --interactive)-i[Talk: your lines out, the server'"'"'s to stdout.]' \
        '(-i --interactive)--interactive[Talk: your lines out, the server'"'"'s to stdout.]' \
        '--idle=[With -i: leave after so much silence at the end of the input.]:DURATION: ' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '1::TARGET:()' \
        && ret=0
    return ret
}

_tw_probe() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C -A '-*' : \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '1:command:->commands' \
        '*:: :->below' \
        && ret=0
    case $state in
        commands)
            local -a commands=(
                'echo:Prove that bytes come back, all of them and in order.'
                'counter:Prove that requests are answered, each once.'
                'pubsub:Prove that lines reach their subscribers.'
            )
            _describe -t commands 'tw probe command' commands && ret=0
            ;;
        below)
            case $words[1] in
                echo) _tw_probe_echo && ret=0 ;;
                counter) _tw_probe_counter && ret=0 ;;
                pubsub) _tw_probe_pubsub && ret=0 ;;
            esac
            ;;
    esac
    return ret
}

_tw_serve_pubsub() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--port=[TCP port; 0 takes a free one.]:INTEGER RANGE: ' \
        '--host=[Address; 0.0.0.0 or :: opens it to others.]:TEXT: ' \
        '*--listen=[Twisted server endpoint string instead of host and port; repeatable.]:STRPORT: ' \
        '--tls-cert=[Serve TLS with this certificate (chain).]:PEM:_files' \
        '--tls-key=[The certificate'"'"'s private key.]:PEM:_files' \
        '--tls-client-ca=[Ask clients for a certificate of this authority.]:PEM:_files' \
        '--tls-self-signed[Serve TLS with a throw-away certificate; prints its pin.]' \
        '--proxy-protocol[Require a PROXY header (v1, v2) in front of each connection, and take its source for the peer.]' \
        '*--proxy-trust=[Peers that may send one; others are refused. Repeatable. \[default: 127.0.0.0/8, ::1, unix sockets\]]:CIDR: ' \
        '--handshake-timeout=[How long a TLS handshake may take.]:DURATION: ' \
        '--drain-timeout=[How long a stop may take.]:DURATION: ' \
        '--duration=[Stop by itself after so long.]:DURATION: ' \
        '--workers=[Processes that serve the port together (pubsub: with --via); auto: one for each CPU.]:N|auto: ' \
        '--max-connections=[Connections at a time.]:N: ' \
        '--on-full=[What one more gets: closed at once, or left waiting until another has ended.]:CHOICE:(refuse wait)' \
        '--max-per-host=[Connections at a time of one IPv4 address, or one IPv6 /64.]:N: ' \
        '--accept-rate=[New connections in a second; others wait. One second'"'"'s worth may come at once.]:R: ' \
        '--idle-timeout=[Close a connection that neither sent nor got anything for so long.]:DURATION: ' \
        '--tcp-keepalive=[Have the kernel ask a silent peer whether it is there after so long, which keeps a NAT awake; 0: never.]:DURATION: ' \
        '*--allow=[Turn away whoever is in no network of these; repeatable.]:CIDR: ' \
        '*--deny=[Turn away who is in this network, before --allow; repeatable.]:CIDR: ' \
        '--ready-file=[Written once every listener is bound.]:PATH:_files' \
        '--json[Events as JSON Lines on stdout.]' \
        '--access-log[Tell of every connection and request.]' \
        '--no-prefix[Send lines as they came, without their source.]' \
        '--no-echo[Do not send a line back to its own publisher.]' \
        '--crlf[End lines in CR LF rather than LF.]' \
        '--max-line=[Longest line, without its end.]:BYTES: ' \
        '--history=[Send a new client the last N lines first.]:N: ' \
        '--backlog=[Unsent bytes that a subscriber may have.]:BYTES: ' \
        '--slow=[When a subscriber'"'"'s backlog passes that: disconnect it, drop its oldest lines, or pause the publishers.]:CHOICE:(disconnect drop block)' \
        '--block-timeout=[With --slow block: disconnect who reads nothing for so long. \[default: 30s\]]:DURATION: ' \
        '--via=[Be one with every server that has this URL, over a stream of Redis'"'"'s: redis://HOST:PORT/DB?stream=NAME.]:URL: ' \
        '--via-ca-file=[Verify a rediss:// server with these authorities.]:PEM:_files' \
        '--via-password-file=[The password for --via; TW_VIA_PASSWORD may hold it instead.]:FILE:_files' \
        '--via-maxlen=[With --via: the stream keeps about so many batches of lines. \[default: 100000\]]:N: ' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        && ret=0
    return ret
}

_tw_serve_counter() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--port=[TCP port; 0 takes a free one.]:INTEGER RANGE: ' \
        '--host=[Address; 0.0.0.0 or :: opens it to others.]:TEXT: ' \
        '*--listen=[Twisted server endpoint string instead of host and port; repeatable.]:STRPORT: ' \
        '--tls-cert=[Serve TLS with this certificate (chain).]:PEM:_files' \
        '--tls-key=[The certificate'"'"'s private key.]:PEM:_files' \
        '--tls-client-ca=[Ask clients for a certificate of this authority.]:PEM:_files' \
        '--tls-self-signed[Serve TLS with a throw-away certificate; prints its pin.]' \
        '--proxy-protocol[Require a PROXY header (v1, v2) in front of each connection, and take its source for the peer.]' \
        '*--proxy-trust=[Peers that may send one; others are refused. Repeatable. \[default: 127.0.0.0/8, ::1, unix sockets\]]:CIDR: ' \
        '--handshake-timeout=[How long a TLS handshake may take.]:DURATION: ' \
        '--drain-timeout=[How long a stop may take.]:DURATION: ' \
        '--duration=[Stop by itself after so long.]:DURATION: ' \
        '--workers=[Processes that serve the port together (pubsub: with --via); auto: one for each CPU.]:N|auto: ' \
        '--max-connections=[Connections at a time.]:N: ' \
        '--on-full=[What one more gets: closed at once, or left waiting until another has ended.]:CHOICE:(refuse wait)' \
        '--max-per-host=[Connections at a time of one IPv4 address, or one IPv6 /64.]:N: ' \
        '--accept-rate=[New connections in a second; others wait. One second'"'"'s worth may come at once.]:R: ' \
        '--idle-timeout=[Close a connection that neither sent nor got anything for so long.]:DURATION: ' \
        '--tcp-keepalive=[Have the kernel ask a silent peer whether it is there after so long, which keeps a NAT awake; 0: never.]:DURATION: ' \
        '*--allow=[Turn away whoever is in no network of these; repeatable.]:CIDR: ' \
        '*--deny=[Turn away who is in this network, before --allow; repeatable.]:CIDR: ' \
        '--ready-file=[Written once every listener is bound.]:PATH:_files' \
        '--json[Events as JSON Lines on stdout.]' \
        '--access-log[Tell of every connection and request.]' \
        '--start=[First number. \[default: 1, or the state file'"'"'s\]]:INTEGER RANGE: ' \
        '--state=[Keep the count across restarts in this file.]:FILE:_files' \
        '--lease=[With --via: fetch N numbers at once, ahead of need, rather than one for each request.]:N: ' \
        '--header-timeout=[How long a request'"'"'s header may take, or a first request: 408.]:DURATION: ' \
        '--body-timeout=[How long a request'"'"'s body may take as a whole: 408.]:DURATION: ' \
        '--keepalive-timeout=[How long a connection may stay idle between two requests.]:DURATION: ' \
        '--send-timeout=[How long a client may take nothing of its answers.]:DURATION: ' \
        '--max-header=[Largest request line with its header: 431.]:BYTES: ' \
        '--max-body=[Largest body of a request, which is read and forgotten: 413.]:BYTES: ' \
        '--via=[Number the requests of every server with this URL together: redis://HOST:PORT/DB?key=NAME.]:URL: ' \
        '--via-ca-file=[Verify a rediss:// server with these authorities.]:PEM:_files' \
        '--via-password-file=[The password for --via; TW_VIA_PASSWORD may hold it instead.]:FILE:_files' \
        '--delay=[Fault: answer so much later, that share of messages or all.]:D[\:PERCENT]: ' \
        '--jitter=[Fault: and up to so much more, at random.]:DURATION: ' \
        '--close-after=[Fault: close a connection once so many bytes were sent to it. Not over UDP.]:BYTES: ' \
        '--reset=[Fault: reset instead of an answer. Not over UDP.]:PERCENT: ' \
        '--corrupt=[Fault: one byte of an answer is wrong.]:PERCENT: ' \
        '--truncate=[Fault: an answer lacks its end.]:PERCENT: ' \
        '--seed=[Make the same faults as the run that told this seed.]:N: ' \
        '*--status=[Fault: this error instead of an answer; repeatable.]:CODE\:PERCENT: ' \
        '--describe[Tell each client what was seen of its own connection (addresses, PROXY header, TLS), and of nobody else'"'"'s: the request and its header too, as the answer'"'"'s body in JSON.]' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        && ret=0
    return ret
}

_tw_serve_echo() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C : \
        '--port=[TCP port; 0 takes a free one.]:INTEGER RANGE: ' \
        '--host=[Address; 0.0.0.0 or :: opens it to others.]:TEXT: ' \
        '*--listen=[Twisted server endpoint string instead of host and port; repeatable.]:STRPORT: ' \
        '--tls-cert=[Serve TLS with this certificate (chain).]:PEM:_files' \
        '--tls-key=[The certificate'"'"'s private key.]:PEM:_files' \
        '--tls-client-ca=[Ask clients for a certificate of this authority.]:PEM:_files' \
        '--tls-self-signed[Serve TLS with a throw-away certificate; prints its pin.]' \
        '--proxy-protocol[Require a PROXY header (v1, v2) in front of each connection, and take its source for the peer.]' \
        '*--proxy-trust=[Peers that may send one; others are refused. Repeatable. \[default: 127.0.0.0/8, ::1, unix sockets\]]:CIDR: ' \
        '--handshake-timeout=[How long a TLS handshake may take.]:DURATION: ' \
        '--drain-timeout=[How long a stop may take.]:DURATION: ' \
        '--duration=[Stop by itself after so long.]:DURATION: ' \
        '--workers=[Processes that serve the port together (pubsub: with --via); auto: one for each CPU.]:N|auto: ' \
        '--max-connections=[Connections at a time.]:N: ' \
        '--on-full=[What one more gets: closed at once, or left waiting until another has ended.]:CHOICE:(refuse wait)' \
        '--max-per-host=[Connections at a time of one IPv4 address, or one IPv6 /64.]:N: ' \
        '--accept-rate=[New connections in a second; others wait. One second'"'"'s worth may come at once.]:R: ' \
        '--idle-timeout=[Close a connection that neither sent nor got anything for so long.]:DURATION: ' \
        '--tcp-keepalive=[Have the kernel ask a silent peer whether it is there after so long, which keeps a NAT awake; 0: never.]:DURATION: ' \
        '*--allow=[Turn away whoever is in no network of these; repeatable.]:CIDR: ' \
        '*--deny=[Turn away who is in this network, before --allow; repeatable.]:CIDR: ' \
        '--ready-file=[Written once every listener is bound.]:PATH:_files' \
        '--json[Events as JSON Lines on stdout.]' \
        '--access-log[Tell of every connection and request.]' \
        '--udp[The same port over UDP as well.]' \
        '--delay=[Fault: answer so much later, that share of messages or all.]:D[\:PERCENT]: ' \
        '--jitter=[Fault: and up to so much more, at random.]:DURATION: ' \
        '--close-after=[Fault: close a connection once so many bytes were sent to it. Not over UDP.]:BYTES: ' \
        '--reset=[Fault: reset instead of an answer. Not over UDP.]:PERCENT: ' \
        '--corrupt=[Fault: one byte of an answer is wrong.]:PERCENT: ' \
        '--truncate=[Fault: an answer lacks its end.]:PERCENT: ' \
        '--seed=[Make the same faults as the run that told this seed.]:N: ' \
        '--describe[Tell each client what was seen of its own connection (addresses, PROXY header, TLS), and of nobody else'"'"'s: in one line of JSON ahead of the echo.]' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        && ret=0
    return ret
}

_tw_serve() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C -A '-*' : \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '1:command:->commands' \
        '*:: :->below' \
        && ret=0
    case $state in
        commands)
            local -a commands=(
                'echo:Send back every byte (RFC 862; TCP, TLS, unix, UDP).'
                'counter:Answer every HTTP request with its number.'
                'pubsub:Send each line to every client.'
            )
            _describe -t commands 'tw serve command' commands && ret=0
            ;;
        below)
            case $words[1] in
                echo) _tw_serve_echo && ret=0 ;;
                counter) _tw_serve_counter && ret=0 ;;
                pubsub) _tw_serve_pubsub && ret=0 ;;
            esac
            ;;
    esac
    return ret
}

_tw() {
    local curcontext="$curcontext" context state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C -A '-*' : \
        '--version[Print the version.]' \
        '*-v[Say more; -vv shows tracebacks.]' \
        '*--verbose[Say more; -vv shows tracebacks.]' \
        '(-q --quiet)-q[Say only what was asked for.]' \
        '(-q --quiet)--quiet[Say only what was asked for.]' \
        '--color=[Colour on a terminal (auto), always or never. NO_COLOR is obeyed.]:CHOICE:(auto always never)' \
        '--reactor=[The lean epoll reactor where it works (auto), or Twisted'"'"'s own (stock).]:CHOICE:(auto stock)' \
        '--config=[Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.]:FILE:_files' \
        '--no-config[Read no settings file.]' \
        '(-h --help)-h[Show this message and exit.]' \
        '(-h --help)--help[Show this message and exit.]' \
        '1:command:->commands' \
        '*:: :->below' \
        && ret=0
    case $state in
        commands)
            local -a commands=(
                'serve:Stand up a known-good server.'
                'probe:Prove that bytes, requests and lines get through.'
                'imap:Prove that mail can be read.'
                'report:Show saved reports side by side.'
                'completion:Print the completion script of a shell.'
            )
            _describe -t commands 'tw command' commands && ret=0
            ;;
        below)
            case $words[1] in
                serve) _tw_serve && ret=0 ;;
                probe) _tw_probe && ret=0 ;;
                imap) _tw_imap && ret=0 ;;
                report) _tw_report && ret=0 ;;
                completion) _tw_completion && ret=0 ;;
            esac
            ;;
    esac
    return ret
}

if [[ "${funcstack[1]-}" == _tw ]]; then
    _tw "$@"
elif (( ${+functions[compdef]} )); then
    compdef _tw tw
else
    print -u2 'tw completion: run `autoload -Uz compinit; compinit` first'
fi
