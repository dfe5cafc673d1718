// @ts-check
/**
 * The words that Home Assistant does not translate for us.
 * @typedef {object} Words
 * @property {string} power
 * @property {string} restart
 * @property {string} restartNow
 * @property {string} log
 * @property {string} hideLog
 * @property {string} noLog
 * @property {string} update
 * @property {string} allWell
 * @property {string} problems
 * @property {string} elsewhere
 * @property {string} nodes
 * @property {string} cluster
 * @property {string} unreachable
 * @property {string} unknownDevice
 */

/** @type {Record<string, Words>} */
export const WORDS = {
  en: {
    power: "Power",
    restart: "Restart",
    restartNow: "Restart now?",
    log: "Log",
    hideLog: "Hide log",
    noLog: "It has not written anything.",
    update: "Update to",
    allWell: "No device has a problem.",
    problems: "What is wrong",
    elsewhere: "Elsewhere",
    nodes: "Nodes",
    cluster: "Cluster",
    unreachable: "The cluster cannot be reached at the moment.",
    unknownDevice: "This device does not exist any more.",
  },
  de: {
    power: "Ein/Aus",
    restart: "Neu starten",
    restartNow: "Jetzt neu starten?",
    log: "Protokoll",
    hideLog: "Protokoll ausblenden",
    noLog: "Es hat nichts geschrieben.",
    update: "Aktualisieren auf",
    allWell: "Kein Gerät hat ein Problem.",
    problems: "Was nicht stimmt",
    elsewhere: "Anderswo",
    nodes: "Knoten",
    cluster: "Cluster",
    unreachable: "Der Cluster ist gerade nicht erreichbar.",
    unknownDevice: "Dieses Gerät gibt es nicht mehr.",
  },
  fr: {
    power: "Marche/arrêt",
    restart: "Redémarrer",
    restartNow: "Redémarrer maintenant ?",
    log: "Journal",
    hideLog: "Masquer le journal",
    noLog: "Il n'a rien écrit.",
    update: "Mettre à jour vers",
    allWell: "Aucun appareil n'a de problème.",
    problems: "Ce qui ne va pas",
    elsewhere: "Ailleurs",
    nodes: "Nœuds",
    cluster: "Cluster",
    unreachable: "Le cluster est injoignable pour le moment.",
    unknownDevice: "Cet appareil n'existe plus.",
  },
  es: {
    power: "Encendido",
    restart: "Reiniciar",
    restartNow: "¿Reiniciar ahora?",
    log: "Registro",
    hideLog: "Ocultar registro",
    noLog: "No ha escrito nada.",
    update: "Actualizar a",
    allWell: "Ningún dispositivo tiene problemas.",
    problems: "Qué falla",
    elsewhere: "En otros lugares",
    nodes: "Nodos",
    cluster: "Clúster",
    unreachable: "No se puede acceder al clúster en este momento.",
    unknownDevice: "Este dispositivo ya no existe.",
  },
  nl: {
    power: "Aan/uit",
    restart: "Herstarten",
    restartNow: "Nu herstarten?",
    log: "Logboek",
    hideLog: "Logboek verbergen",
    noLog: "Het heeft niets geschreven.",
    update: "Bijwerken naar",
    allWell: "Geen enkel apparaat heeft een probleem.",
    problems: "Wat er mis is",
    elsewhere: "Elders",
    nodes: "Nodes",
    cluster: "Cluster",
    unreachable: "Het cluster is op dit moment niet bereikbaar.",
    unknownDevice: "Dit apparaat bestaat niet meer.",
  },
  it: {
    power: "Accensione",
    restart: "Riavvia",
    restartNow: "Riavviare ora?",
    log: "Registro",
    hideLog: "Nascondi registro",
    noLog: "Non ha scritto nulla.",
    update: "Aggiorna a",
    allWell: "Nessun dispositivo ha problemi.",
    problems: "Cosa non va",
    elsewhere: "Altrove",
    nodes: "Nodi",
    cluster: "Cluster",
    unreachable: "Il cluster non è raggiungibile al momento.",
    unknownDevice: "Questo dispositivo non esiste più.",
  },
  pl: {
    power: "Zasilanie",
    restart: "Uruchom ponownie",
    restartNow: "Uruchomić ponownie teraz?",
    log: "Dziennik",
    hideLog: "Ukryj dziennik",
    noLog: "Nic nie zapisało.",
    update: "Zaktualizuj do",
    allWell: "Żadne urządzenie nie ma problemu.",
    problems: "Co nie działa",
    elsewhere: "Gdzie indziej",
    nodes: "Węzły",
    cluster: "Klaster",
    unreachable: "Klaster jest w tej chwili nieosiągalny.",
    unknownDevice: "To urządzenie już nie istnieje.",
  },
  sv: {
    power: "På/av",
    restart: "Starta om",
    restartNow: "Starta om nu?",
    log: "Logg",
    hideLog: "Dölj loggen",
    noLog: "Den har inte skrivit något.",
    update: "Uppdatera till",
    allWell: "Ingen enhet har problem.",
    problems: "Vad som är fel",
    elsewhere: "På annan plats",
    nodes: "Noder",
    cluster: "Kluster",
    unreachable: "Klustret går inte att nå just nu.",
    unknownDevice: "Den här enheten finns inte längre.",
  },
  "pt-BR": {
    power: "Liga/desliga",
    restart: "Reiniciar",
    restartNow: "Reiniciar agora?",
    log: "Registro",
    hideLog: "Ocultar registro",
    noLog: "Não escreveu nada.",
    update: "Atualizar para",
    allWell: "Nenhum dispositivo tem problemas.",
    problems: "O que está errado",
    elsewhere: "Em outros lugares",
    nodes: "Nós",
    cluster: "Cluster",
    unreachable: "Não é possível acessar o cluster no momento.",
    unknownDevice: "Este dispositivo não existe mais.",
  },
  "zh-Hans": {
    power: "电源",
    restart: "重启",
    restartNow: "现在重启？",
    log: "日志",
    hideLog: "隐藏日志",
    noLog: "没有任何输出。",
    update: "更新到",
    allWell: "没有设备出现问题。",
    problems: "出了什么问题",
    elsewhere: "其他位置",
    nodes: "节点",
    cluster: "集群",
    unreachable: "目前无法连接集群。",
    unknownDevice: "此设备已不存在。",
  },
};

/**
 * Return the words of a language, or else of its base, or else English.
 * @param {string|undefined} language
 * @returns {Words}
 */
export function wordsIn(language) {
  const tag = language ?? "en";
  return WORDS[tag] ?? WORDS[tag.split("-")[0]] ?? WORDS.en;
}
