# bash completion of tw, written by `tw completion bash`. It needs nothing but bash 4.

_tw_names() { # the subcommands and the options of the command $1
    commands=() options=()
    case $1 in
    tw)
        commands=(serve probe imap report completion)
        options=(--version -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw serve')
        commands=(echo counter pubsub)
        options=(-v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw serve echo')
        options=(--port --host --listen --tls-cert --tls-key --tls-client-ca --tls-self-signed --proxy-protocol --proxy-trust --handshake-timeout --drain-timeout --duration --workers --max-connections --on-full --max-per-host --accept-rate --idle-timeout --tcp-keepalive --allow --deny --ready-file --json --access-log --udp --delay --jitter --close-after --reset --corrupt --truncate --seed --describe -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw serve counter')
        options=(--port --host --listen --tls-cert --tls-key --tls-client-ca --tls-self-signed --proxy-protocol --proxy-trust --handshake-timeout --drain-timeout --duration --workers --max-connections --on-full --max-per-host --accept-rate --idle-timeout --tcp-keepalive --allow --deny --ready-file --json --access-log --start --state --lease --header-timeout --body-timeout --keepalive-timeout --send-timeout --max-header --max-body --via --via-ca-file --via-password-file --delay --jitter --close-after --reset --corrupt --truncate --seed --status --describe -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw serve pubsub')
        options=(--port --host --listen --tls-cert --tls-key --tls-client-ca --tls-self-signed --proxy-protocol --proxy-trust --handshake-timeout --drain-timeout --duration --workers --max-connections --on-full --max-per-host --accept-rate --idle-timeout --tcp-keepalive --allow --deny --ready-file --json --access-log --no-prefix --no-echo --crlf --max-line --history --backlog --slow --block-timeout --via --via-ca-file --via-password-file --via-maxlen -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw probe')
        commands=(echo counter pubsub)
        options=(-v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw probe echo')
        options=(--count --interval --timeout --wait-for --tls --ca-file --pin --insecure --server-name --client-cert --client-key -4 --ipv4 -6 --ipv6 --bind --self --json --send-proxy --proxy-source --connections --rate --duration --warmup --connect-rate --json-stream --assert --junit --hgrm --diff --find-idle-timeout --max-idle --idle-precision --size --udp -i --interactive --idle -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw probe counter')
        options=(--count --interval --timeout --wait-for --tls --ca-file --pin --insecure --server-name --client-cert --client-key -4 --ipv4 -6 --ipv6 --bind --self --json --send-proxy --proxy-source --connections --rate --duration --warmup --connect-rate --json-stream --assert --junit --hgrm --diff --find-idle-timeout --max-idle --idle-precision --path -H --header -X --method --expect-status --resolve --no-keepalive -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw probe pubsub')
        options=(--count --interval --timeout --wait-for --tls --ca-file --pin --insecure --server-name --client-cert --client-key -4 --ipv4 -6 --ipv6 --bind --self --json --send-proxy --proxy-source --connections --rate --duration --warmup --connect-rate --json-stream --publishers --subscribers --window --read-rate --slow-subscribers --assert --junit --hgrm --size -i --interactive --publish --no-wait --subscribe --idle -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw imap')
        commands=(first-subject subjects mailboxes status watch check)
        options=(-v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw imap first-subject')
        options=(--user --host --port --endpoint --tunnel --security --auth --password-file --password-fd --password-command --netrc --netrc-file --keyring --token-command --send-id --trace --timeout --ca-file --pin --insecure --server-name --client-cert --client-key --json --mailbox --raw -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw imap subjects')
        options=(--user --host --port --endpoint --tunnel --security --auth --password-file --password-fd --password-command --netrc --netrc-file --keyring --token-command --send-id --trace --timeout --ca-file --pin --insecure --server-name --client-cert --client-key --json --mailbox --raw --last --newest --search -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw imap mailboxes')
        options=(--user --host --port --endpoint --tunnel --security --auth --password-file --password-fd --password-command --netrc --netrc-file --keyring --token-command --send-id --trace --timeout --ca-file --pin --insecure --server-name --client-cert --client-key --json -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw imap status')
        options=(--user --host --port --endpoint --tunnel --security --auth --password-file --password-fd --password-command --netrc --netrc-file --keyring --token-command --send-id --trace --timeout --ca-file --pin --insecure --server-name --client-cert --client-key --json -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw imap watch')
        options=(--user --host --port --endpoint --tunnel --security --auth --password-file --password-fd --password-command --netrc --netrc-file --keyring --token-command --send-id --trace --timeout --ca-file --pin --insecure --server-name --client-cert --client-key --json --mailbox --raw --count --poll -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw imap check')
        options=(--user --host --port --endpoint --tunnel --security --auth --password-file --password-fd --password-command --netrc --netrc-file --keyring --token-command --send-id --trace --timeout --ca-file --pin --insecure --server-name --client-cert --client-key --json --mailbox --expect-subject --max-age --max-unread --cert-days --nagios --accounts --jobs -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw report')
        options=(--html --json -v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    'tw completion')
        options=(-v --verbose -q --quiet --color --reactor --config --no-config -h --help)
        ;;
    esac
}

_tw_takes() { # what the option $2 of the command $1 takes, or its argument number $2: nothing, text, file or words
    takes=nothing choices=()
    case $1 in
    tw)
        case $2 in
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        --config) takes=file ;;
        esac
        ;;
    'tw serve')
        case $2 in
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        --config) takes=file ;;
        esac
        ;;
    'tw serve echo')
        case $2 in
        --port | --host | --listen | --proxy-trust | --handshake-timeout | --drain-timeout | --duration | --workers | --max-connections | --max-per-host | --accept-rate | --idle-timeout | --tcp-keepalive | --allow | --deny | --delay | --jitter | --close-after | --reset | --corrupt | --truncate | --seed) takes=text ;;
        --tls-cert | --tls-key | --tls-client-ca | --ready-file | --config) takes=file ;;
        --on-full) takes=words choices=(refuse wait) ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw serve counter')
        case $2 in
        --port | --host | --listen | --proxy-trust | --handshake-timeout | --drain-timeout | --duration | --workers | --max-connections | --max-per-host | --accept-rate | --idle-timeout | --tcp-keepalive | --allow | --deny | --start | --lease | --header-timeout | --body-timeout | --keepalive-timeout | --send-timeout | --max-header | --max-body | --via | --delay | --jitter | --close-after | --reset | --corrupt | --truncate | --seed | --status) takes=text ;;
        --tls-cert | --tls-key | --tls-client-ca | --ready-file | --state | --via-ca-file | --via-password-file | --config) takes=file ;;
        --on-full) takes=words choices=(refuse wait) ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw serve pubsub')
        case $2 in
        --port | --host | --listen | --proxy-trust | --handshake-timeout | --drain-timeout | --duration | --workers | --max-connections | --max-per-host | --accept-rate | --idle-timeout | --tcp-keepalive | --allow | --deny | --max-line | --history | --backlog | --block-timeout | --via | --via-maxlen) takes=text ;;
        --tls-cert | --tls-key | --tls-client-ca | --ready-file | --via-ca-file | --via-password-file | --config) takes=file ;;
        --on-full) takes=words choices=(refuse wait) ;;
        --slow) takes=words choices=(disconnect drop block) ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw probe')
        case $2 in
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        --config) takes=file ;;
        esac
        ;;
    'tw probe echo')
        case $2 in
        --count | --interval | --timeout | --wait-for | --pin | --server-name | --bind | --proxy-source | --connections | --rate | --duration | --warmup | --connect-rate | --assert | --max-idle | --idle-precision | --size | --idle | 0) takes=text ;;
        --ca-file | --client-cert | --client-key | --junit | --hgrm | --config) takes=file ;;
        --send-proxy) takes=words choices=(v1 v2) ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw probe counter')
        case $2 in
        --count | --interval | --timeout | --wait-for | --pin | --server-name | --bind | --proxy-source | --connections | --rate | --duration | --warmup | --connect-rate | --assert | --max-idle | --idle-precision | --path | -H | --header | -X | --method | --expect-status | --resolve | 0) takes=text ;;
        --ca-file | --client-cert | --client-key | --junit | --hgrm | --config) takes=file ;;
        --send-proxy) takes=words choices=(v1 v2) ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw probe pubsub')
        case $2 in
        --count | --interval | --timeout | --wait-for | --pin | --server-name | --bind | --proxy-source | --connections | --rate | --duration | --warmup | --connect-rate | --publishers | --subscribers | --window | --read-rate | --slow-subscribers | --assert | --size | --publish | --idle) takes=text ;;
        --ca-file | --client-cert | --client-key | --junit | --hgrm | --config) takes=file ;;
        --send-proxy) takes=words choices=(v1 v2) ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        [0-9]*) takes=text ;;
        esac
        ;;
    'tw imap')
        case $2 in
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        --config) takes=file ;;
        esac
        ;;
    'tw imap first-subject')
        case $2 in
        --user | --host | --port | --endpoint | --tunnel | --password-fd | --password-command | --token-command | --timeout | --pin | --server-name | --mailbox) takes=text ;;
        --security) takes=words choices=(tls starttls plain) ;;
        --auth) takes=words choices=(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer) ;;
        --password-file | --netrc-file | --ca-file | --client-cert | --client-key | --config) takes=file ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw imap subjects')
        case $2 in
        --user | --host | --port | --endpoint | --tunnel | --password-fd | --password-command | --token-command | --timeout | --pin | --server-name | --mailbox | --last | --search) takes=text ;;
        --security) takes=words choices=(tls starttls plain) ;;
        --auth) takes=words choices=(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer) ;;
        --password-file | --netrc-file | --ca-file | --client-cert | --client-key | --config) takes=file ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw imap mailboxes')
        case $2 in
        --user | --host | --port | --endpoint | --tunnel | --password-fd | --password-command | --token-command | --timeout | --pin | --server-name | 0) takes=text ;;
        --security) takes=words choices=(tls starttls plain) ;;
        --auth) takes=words choices=(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer) ;;
        --password-file | --netrc-file | --ca-file | --client-cert | --client-key | --config) takes=file ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw imap status')
        case $2 in
        --user | --host | --port | --endpoint | --tunnel | --password-fd | --password-command | --token-command | --timeout | --pin | --server-name) takes=text ;;
        --security) takes=words choices=(tls starttls plain) ;;
        --auth) takes=words choices=(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer) ;;
        --password-file | --netrc-file | --ca-file | --client-cert | --client-key | --config) takes=file ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        [0-9]*) takes=text ;;
        esac
        ;;
    'tw imap watch')
        case $2 in
        --user | --host | --port | --endpoint | --tunnel | --password-fd | --password-command | --token-command | --timeout | --pin | --server-name | --mailbox | --count | --poll) takes=text ;;
        --security) takes=words choices=(tls starttls plain) ;;
        --auth) takes=words choices=(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer) ;;
        --password-file | --netrc-file | --ca-file | --client-cert | --client-key | --config) takes=file ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw imap check')
        case $2 in
        --user | --host | --port | --endpoint | --tunnel | --password-fd | --password-command | --token-command | --timeout | --pin | --server-name | --mailbox | --expect-subject | --max-age | --max-unread | --cert-days | --jobs) takes=text ;;
        --security) takes=words choices=(tls starttls plain) ;;
        --auth) takes=words choices=(auto scram-sha-256 scram-sha-1 cram-md5 plain login xoauth2 oauthbearer) ;;
        --password-file | --netrc-file | --ca-file | --client-cert | --client-key | --accounts | --config) takes=file ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        esac
        ;;
    'tw report')
        case $2 in
        --html | --config) takes=file ;;
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        [0-9]*) takes=file ;;
        esac
        ;;
    'tw completion')
        case $2 in
        --color) takes=words choices=(auto always never) ;;
        --reactor) takes=words choices=(auto stock) ;;
        --config) takes=file ;;
        0) takes=words choices=(bash zsh fish) ;;
        esac
        ;;
    esac
}

_tw() {
    local IFS=$' \t\n' node=tw position=0 takes=nothing prefix='' cut='' ended='' rest=${COMP_LINE:0:COMP_POINT}
    local redirection='^[0-9]*(&>>?|>>?[&|]?|<<<?|<[&>]?)' current gap word i
    local -a words=() commands=() options=() choices=()
    COMPREPLY=()
    # Bash splits words at the = and : of COMP_WORDBREAKS; join again what stands together on the line.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[![:space:]]*}
        rest=${rest#"$gap"}
        word=${COMP_WORDS[i]}
        [[ $i -lt $COMP_CWORD ]] || word=$rest
        rest=${rest#"$word"}
        if [[ -n $gap || $i -eq 0 ]]; then words+=("$word"); else words[${#words[@]} - 1]+=$word; fi
    done
    current=${words[${#words[@]} - 1]}
    unset "words[${#words[@]} - 1]" 'words[0]'
    _tw_names "$node"
    for word in ${words[@]+"${words[@]}"}; do
        if [[ $takes != nothing ]]; then
            takes=nothing
        elif [[ $word =~ $redirection ]]; then
            [[ $word != "${BASH_REMATCH[0]}" ]] || takes=file
        elif [[ -z $ended && $word == -- ]]; then
            ended=yes
        elif [[ -z $ended && $word == --* ]]; then
            [[ $word == *=* ]] || _tw_takes "$node" "$word"
        elif [[ -z $ended && $word == -?* ]]; then
            for ((i = 1; i < ${#word}; i++)); do
                _tw_takes "$node" "-${word:i:1}"
                [[ $takes == nothing ]] || break
            done
            [[ $i -ge ${#word}-1 ]] || takes=nothing
        elif [[ ${#commands[@]} -gt 0 ]]; then
            node+=" $word"
            _tw_names "$node"
        else
            position=$((position + 1))
        fi
    done
    word=$current
    if [[ $takes != nothing ]]; then
        :
    elif [[ $current =~ $redirection ]]; then
        takes=file current=${current#"${BASH_REMATCH[0]}"} word=$current
    elif [[ -z $ended && $current == --*=* ]]; then
        _tw_takes "$node" "${current%%=*}"
        prefix=${current%%=*}= current=${current#*=}
    elif [[ -z $ended && $current == -* ]]; then
        takes=words choices=(${options[@]+"${options[@]}"})
    elif [[ ${#commands[@]} -gt 0 ]]; then
        takes=words choices=("${commands[@]}")
    else
        _tw_takes "$node" "$position"
    fi
    # Readline replaces only what follows the last of these.
    [[ $COMP_WORDBREAKS != *=* || $word != *=* ]] || cut=${word%"${word##*=}"}
    [[ $COMP_WORDBREAKS != *:* || ${word#"$cut"} != *:* ]] || cut=${word%"${word##*:}"}
    if [[ $takes == file ]]; then
        # Where compgen finds nothing (it knows no quotes and no variables), bash completes as it does for any command.
        compopt -o filenames -o bashdefault -o default 2>/dev/null
        while IFS= read -r word; do
            [[ -z $word ]] || COMPREPLY+=("$word")
        done <<<"$(compgen -f -- "$current")"
    else
        for word in ${choices[@]+"${choices[@]}"}; do
            [[ $word == "$current"* ]] || continue
            printf -v word %q "$word"
            COMPREPLY+=("$word")
        done
    fi
    for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
        word=$prefix${COMPREPLY[i]}
        COMPREPLY[i]=${word#"$cut"}
    done
}

complete -F _tw tw
