# fish completion of tw, written by `tw completion fish`.

function __tw_takes_value # whether the option $argv[2] of the command $argv[1] takes a value
    switch $argv[1]
    case tw
        contains -- $argv[2] --color --reactor --config; and return
    case 'tw serve'
        contains -- $argv[2] --color --reactor --config; and return
    case 'tw serve echo'
        contains -- $argv[2] --port --host --listen --tls-cert --tls-key --tls-client-ca --drain-timeout --duration --ready-file --color --reactor --config; and return
    case 'tw serve counter'
        contains -- $argv[2] --port --host --listen --tls-cert --tls-key --tls-client-ca --drain-timeout --duration --ready-file --start --state --color --reactor --config; and return
    case 'tw serve pubsub'
        contains -- $argv[2] --port --host --listen --tls-cert --tls-key --tls-client-ca --drain-timeout --duration --ready-file --max-line --history --backlog --slow --color --reactor --config; and return
    case 'tw probe'
        contains -- $argv[2] --color --reactor --config; and return
    case 'tw probe echo'
        contains -- $argv[2] --count --interval --timeout --wait-for --ca-file --pin --server-name --client-cert --client-key --bind --size --idle --color --reactor --config; and return
    case 'tw probe counter'
        contains -- $argv[2] --count --interval --timeout --wait-for --ca-file --pin --server-name --client-cert --client-key --bind --path -H --header -X --method --expect-status --resolve --color --reactor --config; and return
    case 'tw probe pubsub'
        contains -- $argv[2] --count --interval --timeout --wait-for --ca-file --pin --server-name --client-cert --client-key --bind --size --publish --idle --color --reactor --config; and return
    case 'tw imap'
        contains -- $argv[2] --color --reactor --config; and return
    case 'tw imap first-subject'
        contains -- $argv[2] --user --host --port --endpoint --security --mailbox --password-file --password-command --timeout --ca-file --pin --color --reactor --config; and return
    case 'tw completion'
        contains -- $argv[2] --color --reactor --config; and return
    end
    return 1
end

function __tw_at # whether the cursor stands below the command $argv, whose last word may be a number of arguments
    set -l node tw
    set -l position 0
    set -l state options
    set -l tokens (commandline -opc)
    while string match -q -- '*=*' $tokens[1]
        set -e tokens[1]
    end
    set -e tokens[1]
    for token in $tokens
        if test $state = value
            set state options
        else if test $state = options -a "$token" = --
            set state ended
        else if test $state = options; and string match -q -- '--*' $token
            __tw_takes_value $node $token; and set state value
        else if test $state = options; and string match -q -- '-?*' $token
            set -l letters (string split '' -- (string sub -s 2 -- $token))
            while set -q letters[1]; and not __tw_takes_value $node -$letters[1]
                set -e letters[1]
            end
            test (count $letters) = 1; and set state value
        else if contains -- $node tw 'tw serve' 'tw probe' 'tw imap'
            set node "$node $token"
        else
            set position (math $position + 1)
        end
    end
    test "$argv" = $node -o "$argv" = "$node $position"
end

complete -c tw -e
complete -c tw -f
complete -c tw -s v -l verbose -d 'Say more; -vv shows tracebacks.'
complete -c tw -s q -l quiet -d 'Say only what was asked for.'
complete -c tw -l color -r -f -a 'auto always never' -d 'Colour on a terminal (auto), always or never. NO_COLOR is obeyed.'
complete -c tw -l reactor -r -f -a 'auto stock' -d 'The lean epoll reactor where it works (auto), or Twisted\'s own (stock).'
complete -c tw -l config -r -F -d 'Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.'
complete -c tw -l no-config -d 'Read no settings file.'
complete -c tw -s h -l help -d 'Show this message and exit.'
complete -c tw -n '__tw_at tw' -a serve -d 'Stand up a known-good server.'
complete -c tw -n '__tw_at tw' -a probe -d 'Prove that bytes, requests and lines get through.'
complete -c tw -n '__tw_at tw' -a imap -d 'Prove that mail can be read.'
complete -c tw -n '__tw_at tw' -a completion -d 'Print the completion script of a shell.'
complete -c tw -n '__tw_at tw' -l version -d 'Print the version.'
complete -c tw -n '__tw_at tw serve' -a echo -d 'Send back every byte (RFC 862; TCP, TLS, unix, UDP).'
complete -c tw -n '__tw_at tw serve' -a counter -d 'Answer every HTTP request with its number.'
complete -c tw -n '__tw_at tw serve' -a pubsub -d 'Send each line to every client.'
complete -c tw -n '__tw_at tw serve echo' -l port -r -f -d 'TCP port; 0 takes a free one.'
complete -c tw -n '__tw_at tw serve echo' -l host -r -f -d 'Address; 0.0.0.0 or :: opens it to others.'
complete -c tw -n '__tw_at tw serve echo' -l listen -r -f -d 'Twisted server endpoint string instead of host and port; repeatable.'
complete -c tw -n '__tw_at tw serve echo' -l tls-cert -r -F -d 'Serve TLS with this certificate (chain).'
complete -c tw -n '__tw_at tw serve echo' -l tls-key -r -F -d 'The certificate\'s private key.'
complete -c tw -n '__tw_at tw serve echo' -l tls-client-ca -r -F -d 'Ask clients for a certificate of this authority.'
complete -c tw -n '__tw_at tw serve echo' -l tls-self-signed -d 'Serve TLS with a throw-away certificate; prints its pin.'
complete -c tw -n '__tw_at tw serve echo' -l drain-timeout -r -f -d 'How long a stop may take.'
complete -c tw -n '__tw_at tw serve echo' -l duration -r -f -d 'Stop by itself after so long.'
complete -c tw -n '__tw_at tw serve echo' -l ready-file -r -F -d 'Written once every listener is bound.'
complete -c tw -n '__tw_at tw serve echo' -l json -d 'Events as JSON Lines on stdout.'
complete -c tw -n '__tw_at tw serve echo' -l access-log -d 'Tell of every connection and request.'
complete -c tw -n '__tw_at tw serve echo' -l udp -d 'The same port over UDP as well.'
complete -c tw -n '__tw_at tw serve counter' -l port -r -f -d 'TCP port; 0 takes a free one.'
complete -c tw -n '__tw_at tw serve counter' -l host -r -f -d 'Address; 0.0.0.0 or :: opens it to others.'
complete -c tw -n '__tw_at tw serve counter' -l listen -r -f -d 'Twisted server endpoint string instead of host and port; repeatable.'
complete -c tw -n '__tw_at tw serve counter' -l tls-cert -r -F -d 'Serve TLS with this certificate (chain).'
complete -c tw -n '__tw_at tw serve counter' -l tls-key -r -F -d 'The certificate\'s private key.'
complete -c tw -n '__tw_at tw serve counter' -l tls-client-ca -r -F -d 'Ask clients for a certificate of this authority.'
complete -c tw -n '__tw_at tw serve counter' -l tls-self-signed -d 'Serve TLS with a throw-away certificate; prints its pin.'
complete -c tw -n '__tw_at tw serve counter' -l drain-timeout -r -f -d 'How long a stop may take.'
complete -c tw -n '__tw_at tw serve counter' -l duration -r -f -d 'Stop by itself after so long.'
complete -c tw -n '__tw_at tw serve counter' -l ready-file -r -F -d 'Written once every listener is bound.'
complete -c tw -n '__tw_at tw serve counter' -l json -d 'Events as JSON Lines on stdout.'
complete -c tw -n '__tw_at tw serve counter' -l access-log -d 'Tell of every connection and request.'
complete -c tw -n '__tw_at tw serve counter' -l start -r -f -d 'First number. [default: 1, or the state file\'s]'
complete -c tw -n '__tw_at tw serve counter' -l state -r -F -d 'Keep the count across restarts in this file.'
complete -c tw -n '__tw_at tw serve pubsub' -l port -r -f -d 'TCP port; 0 takes a free one.'
complete -c tw -n '__tw_at tw serve pubsub' -l host -r -f -d 'Address; 0.0.0.0 or :: opens it to others.'
complete -c tw -n '__tw_at tw serve pubsub' -l listen -r -f -d 'Twisted server endpoint string instead of host and port; repeatable.'
complete -c tw -n '__tw_at tw serve pubsub' -l tls-cert -r -F -d 'Serve TLS with this certificate (chain).'
complete -c tw -n '__tw_at tw serve pubsub' -l tls-key -r -F -d 'The certificate\'s private key.'
complete -c tw -n '__tw_at tw serve pubsub' -l tls-client-ca -r -F -d 'Ask clients for a certificate of this authority.'
complete -c tw -n '__tw_at tw serve pubsub' -l tls-self-signed -d 'Serve TLS with a throw-away certificate; prints its pin.'
complete -c tw -n '__tw_at tw serve pubsub' -l drain-timeout -r -f -d 'How long a stop may take.'
complete -c tw -n '__tw_at tw serve pubsub' -l duration -r -f -d 'Stop by itself after so long.'
complete -c tw -n '__tw_at tw serve pubsub' -l ready-file -r -F -d 'Written once every listener is bound.'
complete -c tw -n '__tw_at tw serve pubsub' -l json -d 'Events as JSON Lines on stdout.'
complete -c tw -n '__tw_at tw serve pubsub' -l access-log -d 'Tell of every connection and request.'
complete -c tw -n '__tw_at tw serve pubsub' -l no-prefix -d 'Send lines as they came, without their source.'
complete -c tw -n '__tw_at tw serve pubsub' -l no-echo -d 'Do not send a line back to its own publisher.'
complete -c tw -n '__tw_at tw serve pubsub' -l crlf -d 'End lines in CR LF rather than LF.'
complete -c tw -n '__tw_at tw serve pubsub' -l max-line -r -f -d 'Longest line, without its end.'
complete -c tw -n '__tw_at tw serve pubsub' -l history -r -f -d 'Send a new client the last N lines first.'
complete -c tw -n '__tw_at tw serve pubsub' -l backlog -r -f -d 'Unsent bytes that a subscriber may have.'
complete -c tw -n '__tw_at tw serve pubsub' -l slow -r -f -a disconnect -d 'What happens to a subscriber whose backlog passes that.'
complete -c tw -n '__tw_at tw probe' -a echo -d 'Prove that bytes come back, all of them and in order.'
complete -c tw -n '__tw_at tw probe' -a counter -d 'Prove that requests are answered, each once.'
complete -c tw -n '__tw_at tw probe' -a pubsub -d 'Prove that lines reach their subscribers.'
complete -c tw -n '__tw_at tw probe echo 0' -f
complete -c tw -n '__tw_at tw probe echo' -l count -r -f -d Samples.
complete -c tw -n '__tw_at tw probe echo' -l interval -r -f -d 'From one sample to the next.'
complete -c tw -n '__tw_at tw probe echo' -l timeout -r -f -d 'For connecting, and for each answer.'
complete -c tw -n '__tw_at tw probe echo' -l wait-for -r -f -d 'Keep trying to connect for so long.'
complete -c tw -n '__tw_at tw probe echo' -l tls -d 'Speak TLS.'
complete -c tw -n '__tw_at tw probe echo' -l ca-file -r -F -d 'Trust these authorities instead of the system\'s.'
complete -c tw -n '__tw_at tw probe echo' -l pin -r -f -d 'Expect this public key (as curl\'s --pinnedpubkey).'
complete -c tw -n '__tw_at tw probe echo' -l insecure -d 'Do not verify the certificate. Counts only when typed.'
complete -c tw -n '__tw_at tw probe echo' -l server-name -r -f -d 'Expect a certificate for this name (and send it as SNI).'
complete -c tw -n '__tw_at tw probe echo' -l client-cert -r -F -d 'Show this certificate to the server.'
complete -c tw -n '__tw_at tw probe echo' -l client-key -r -F -d 'Its private key, if not in the same file.'
complete -c tw -n '__tw_at tw probe echo' -s 4 -l ipv4 -d 'Use IPv4 only.'
complete -c tw -n '__tw_at tw probe echo' -s 6 -l ipv6 -d 'Use IPv6 only.'
complete -c tw -n '__tw_at tw probe echo' -l bind -r -f -d 'Source address.'
complete -c tw -n '__tw_at tw probe echo' -l self -d 'Start the matching server in this process and probe it.'
complete -c tw -n '__tw_at tw probe echo' -l json -d 'One report object on stdout.'
complete -c tw -n '__tw_at tw probe echo' -l size -r -f -d 'Of a payload, with its token and number.'
complete -c tw -n '__tw_at tw probe echo' -l udp -d 'Over UDP.'
complete -c tw -n '__tw_at tw probe echo' -s i -l interactive -d 'Talk: your lines out, the server\'s to stdout.'
complete -c tw -n '__tw_at tw probe echo' -l idle -r -f -d 'With -i: leave after so much silence at the end of the input.'
complete -c tw -n '__tw_at tw probe counter 0' -f
complete -c tw -n '__tw_at tw probe counter' -l count -r -f -d Samples.
complete -c tw -n '__tw_at tw probe counter' -l interval -r -f -d 'From one sample to the next.'
complete -c tw -n '__tw_at tw probe counter' -l timeout -r -f -d 'For connecting, and for each answer.'
complete -c tw -n '__tw_at tw probe counter' -l wait-for -r -f -d 'Keep trying to connect for so long.'
complete -c tw -n '__tw_at tw probe counter' -l tls -d 'Speak TLS.'
complete -c tw -n '__tw_at tw probe counter' -l ca-file -r -F -d 'Trust these authorities instead of the system\'s.'
complete -c tw -n '__tw_at tw probe counter' -l pin -r -f -d 'Expect this public key (as curl\'s --pinnedpubkey).'
complete -c tw -n '__tw_at tw probe counter' -l insecure -d 'Do not verify the certificate. Counts only when typed.'
complete -c tw -n '__tw_at tw probe counter' -l server-name -r -f -d 'Expect a certificate for this name (and send it as SNI).'
complete -c tw -n '__tw_at tw probe counter' -l client-cert -r -F -d 'Show this certificate to the server.'
complete -c tw -n '__tw_at tw probe counter' -l client-key -r -F -d 'Its private key, if not in the same file.'
complete -c tw -n '__tw_at tw probe counter' -s 4 -l ipv4 -d 'Use IPv4 only.'
complete -c tw -n '__tw_at tw probe counter' -s 6 -l ipv6 -d 'Use IPv6 only.'
complete -c tw -n '__tw_at tw probe counter' -l bind -r -f -d 'Source address.'
complete -c tw -n '__tw_at tw probe counter' -l self -d 'Start the matching server in this process and probe it.'
complete -c tw -n '__tw_at tw probe counter' -l json -d 'One report object on stdout.'
complete -c tw -n '__tw_at tw probe counter' -l path -r -f -d 'Path of the request. [default: /, or the URL\'s]'
complete -c tw -n '__tw_at tw probe counter' -s H -l header -r -f -d 'Send this header; repeatable.'
complete -c tw -n '__tw_at tw probe counter' -s X -l method -r -f -d 'Method of the request.'
complete -c tw -n '__tw_at tw probe counter' -l expect-status -r -f -d 'Another status is a bad verdict.'
complete -c tw -n '__tw_at tw probe counter' -l resolve -r -f -d 'Connect to ADDR for HOST:PORT; repeatable.'
complete -c tw -n '__tw_at tw probe counter' -l no-keepalive -d 'A connection for each request.'
complete -c tw -n '__tw_at tw probe pubsub 0' -f
complete -c tw -n '__tw_at tw probe pubsub' -l count -r -f -d 'Samples; with --subscribe, lines to leave after. [default: 5; unlimited with --subscribe]'
complete -c tw -n '__tw_at tw probe pubsub' -l interval -r -f -d 'From one sample to the next.'
complete -c tw -n '__tw_at tw probe pubsub' -l timeout -r -f -d 'For connecting, and for each answer.'
complete -c tw -n '__tw_at tw probe pubsub' -l wait-for -r -f -d 'Keep trying to connect for so long.'
complete -c tw -n '__tw_at tw probe pubsub' -l tls -d 'Speak TLS.'
complete -c tw -n '__tw_at tw probe pubsub' -l ca-file -r -F -d 'Trust these authorities instead of the system\'s.'
complete -c tw -n '__tw_at tw probe pubsub' -l pin -r -f -d 'Expect this public key (as curl\'s --pinnedpubkey).'
complete -c tw -n '__tw_at tw probe pubsub' -l insecure -d 'Do not verify the certificate. Counts only when typed.'
complete -c tw -n '__tw_at tw probe pubsub' -l server-name -r -f -d 'Expect a certificate for this name (and send it as SNI).'
complete -c tw -n '__tw_at tw probe pubsub' -l client-cert -r -F -d 'Show this certificate to the server.'
complete -c tw -n '__tw_at tw probe pubsub' -l client-key -r -F -d 'Its private key, if not in the same file.'
complete -c tw -n '__tw_at tw probe pubsub' -s 4 -l ipv4 -d 'Use IPv4 only.'
complete -c tw -n '__tw_at tw probe pubsub' -s 6 -l ipv6 -d 'Use IPv6 only.'
complete -c tw -n '__tw_at tw probe pubsub' -l bind -r -f -d 'Source address.'
complete -c tw -n '__tw_at tw probe pubsub' -l self -d 'Start the matching server in this process and probe it.'
complete -c tw -n '__tw_at tw probe pubsub' -l json -d 'One report object on stdout.'
complete -c tw -n '__tw_at tw probe pubsub' -l size -r -f -d 'Of a payload, with its token and number.'
complete -c tw -n '__tw_at tw probe pubsub' -s i -l interactive -d 'Talk: your lines out, the server\'s to stdout.'
complete -c tw -n '__tw_at tw probe pubsub' -l publish -r -f -d 'Publish this line and leave; repeatable; - reads stdin.'
complete -c tw -n '__tw_at tw probe pubsub' -l no-wait -d 'Do not wait until published lines come back.'
complete -c tw -n '__tw_at tw probe pubsub' -l subscribe -d 'Receive lines.'
complete -c tw -n '__tw_at tw probe pubsub' -l idle -r -f -d 'Leave after so much silence. [default: never with --subscribe, 1s with -i]'
complete -c tw -n '__tw_at tw imap' -a first-subject -d 'Print the subject of a mailbox\'s first message.'
complete -c tw -n '__tw_at tw imap first-subject' -l user -r -f -d 'Whose mail.'
complete -c tw -n '__tw_at tw imap first-subject' -l host -r -f -d 'IMAP server.'
complete -c tw -n '__tw_at tw imap first-subject' -l port -r -f -d 'Its port. [default: 993, or 143 with starttls and plain]'
complete -c tw -n '__tw_at tw imap first-subject' -l endpoint -r -f -d 'Twisted client endpoint string instead of host and port.'
complete -c tw -n '__tw_at tw imap first-subject' -l security -r -f -a 'tls starttls plain' -d 'How the connection is protected; never downgraded. plain counts only when typed.'
complete -c tw -n '__tw_at tw imap first-subject' -l mailbox -r -f -d 'Mailbox to look at.'
complete -c tw -n '__tw_at tw imap first-subject' -l password-file -r -F -d 'File with the password; - reads stdin.'
complete -c tw -n '__tw_at tw imap first-subject' -l password-command -r -f -d 'Shell command that prints the password.'
complete -c tw -n '__tw_at tw imap first-subject' -l timeout -r -f -d 'For the whole.'
complete -c tw -n '__tw_at tw imap first-subject' -l ca-file -r -F -d 'Trust these authorities instead of the system\'s.'
complete -c tw -n '__tw_at tw imap first-subject' -l pin -r -f -d 'Expect this public key (as curl\'s --pinnedpubkey).'
complete -c tw -n '__tw_at tw imap first-subject' -l insecure -d 'Do not verify the certificate. Counts only when typed.'
complete -c tw -n '__tw_at tw imap first-subject' -l json -d 'One object on stdout.'
complete -c tw -n '__tw_at tw completion 0' -f -a 'bash zsh fish'
