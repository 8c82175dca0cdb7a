"""What drivers of clouds share; no cloud is named here.

cloud          what is alike in every driver: its service, its end
wire           requests and answers, errors told apart, sizes and times bounded
transport      the connections under it
body           what comes over them, unpacked within bounds
targets        what is said of a target that is not there, and of what it does not take
untrusted      reading what is not trusted
bearer         tokens that expire and are renewed once for all
credentials    where a credential comes from
permission     where it may go
proxies        by which proxy
asking         several questions at once
shared_rates   rates that runs of one person share
tally          what was seen of a composite job's children
"""
